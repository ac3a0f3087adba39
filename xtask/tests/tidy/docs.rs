//! Documents: links resolve, decision records are numbered without gaps, what must exist exists.

use crate::tree::{File, Tree, root};

const MUST_EXIST: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "clippy.toml",
    "docs/glossary.md",
];

pub(crate) fn complaints(tree: &Tree) -> Vec<String> {
    let exists = |path: &str| tree.get(path).is_some() || root().join(path).exists();
    let missing = MUST_EXIST.iter().filter(|path| tree.get(path).is_none()).map(|path| format!("{path} is missing"));
    let markdown = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    let dead = markdown.flat_map(|file| dead_links(file, &exists));
    missing.chain(dead).chain(numbering(tree)).collect()
}

fn dead_links(file: &File, exists: &impl Fn(&str) -> bool) -> Vec<String> {
    let dir = file.path.rsplit_once('/').map_or("", |(dir, _)| dir);
    let dead = links(&file.text).filter(|(_, link)| !exists(&resolve(dir, link)));
    dead.map(|(line, link)| format!("{}:{line}: link to `{link}` leads nowhere", file.path)).collect()
}

/// Links to files of the repository, with their lines, outside of code blocks.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().flat_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let line = if in_code || fence { "" } else { line };
        targets(line).map(move |link| (index + 1, link))
    })
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let images = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let local = |link: &&str| !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:");
    inline.chain(images).filter(local).map(|link| link.split('#').next().unwrap_or(link))
}

fn resolve(dir: &str, link: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Decision records must be 0001, 0002, … and say what was decided, why, and at what price.
fn numbering(tree: &Tree) -> Vec<String> {
    let records = tree.files.iter().filter(|file| file.path.starts_with("docs/adr/") && !file.path.ends_with("README.md"));
    let judge = |(index, file): (usize, &File)| {
        let number = format!("{:04}", index + 1);
        let named = file.path.trim_start_matches("docs/adr/").starts_with(&format!("{number}-"));
        let whole = ["# ", "**Decision.**", "**Why.**", "**Price.**"].iter().all(|part| file.text.contains(part));
        (!(named && whole)).then(|| format!("{}: must be record {number} with a title, Decision, Why and Price", file.path))
    };
    records.enumerate().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_dead_link_is_caught() {
        let file = file("docs/a.md", "[x](../README.md) [y](gone.md#part) [z](https://example.org)\n```\n[w](never.md)\n```\n");
        let exists = |path: &str| path == "README.md";
        assert_eq!(dead_links(&file, &exists), ["docs/a.md:1: link to `gone.md` leads nowhere"]);
    }

    #[test]
    fn a_gap_in_the_records_is_caught() {
        let record = |n: &str| file(&format!("docs/adr/{n}-x.md"), "# X\n**Decision.** **Why.** **Price.**");
        assert!(numbering(&Tree { files: vec![record("0001"), record("0002")] }).is_empty());
        assert_eq!(numbering(&Tree { files: vec![record("0001"), record("0003")] }).len(), 1);
        assert_eq!(numbering(&Tree { files: vec![file("docs/adr/0001-x.md", "# X\n")] }).len(), 1);
    }
}
