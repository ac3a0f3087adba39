//! A user of this machine, by name.

use anyhow::Context;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: u32,
    /// Its own group.
    pub(crate) group: u32,
}

impl User {
    /// The user of this name in `/etc/passwd`.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let all = std::fs::read_to_string("/etc/passwd").context("`/etc/passwd` cannot be read")?;
        find(&all, name).with_context(|| format!("`/etc/passwd` has no user `{name}`: make it with `useradd --system {name}`"))
    }
}

fn find(all: &str, name: &str) -> Option<User> {
    all.lines().find_map(|line| {
        let mut parts = line.split(':');
        let found = (parts.next()? == name).then_some(())?;
        let ((), Some(_), id, group) = (found, parts.next(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?) else {
            return None;
        };
        Some(User { name: name.to_owned(), id, group })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let all = "root:x:0:0:root:/root:/bin/sh\nbroken:x\nadjutant:x:991:990::/:/usr/sbin/nologin\n";
        let found = find(all, "adjutant").unwrap();
        assert_eq!((found.id, found.group), (991, 990));
        assert!(find(all, "adju").is_none() && find(all, "broken").is_none() && find(all, "").is_none());
    }
}
