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
        let parts: Vec<&str> = line.split(':').collect();
        let [found, _, id, group, ..] = parts[..] else { return None };
        let user = User { name: found.to_owned(), id: id.parse().ok()?, group: group.parse().ok()? };
        Some(user).filter(|user| user.name == name)
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
