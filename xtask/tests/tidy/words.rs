//! Words that must not stay: postponed work, ignored tests, paths of somebody's machine.

use crate::tree::File;

/// Written apart, so that this file does not complain of itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or write an issue"),
    (concat!("FIX", "ME"), "fix it, or write an issue"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/home", "/"), "a path of one machine"),
];

/// Where real alerts and other people's texts stand: their words are not ours.
const QUOTED: [&str; 5] = ["cases/", "book/sources/", "book/demo/", "LICENSE", "Cargo.lock"];

pub(crate) fn complaints(file: &File) -> Vec<String> {
    if QUOTED.iter().any(|quoted| file.path.starts_with(quoted)) {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .flat_map(|(index, line)| forbidden(line).map(move |(word, why)| (index + 1, word, why)))
        .map(|(line, word, why)| format!("{}:{line}: `{word}`: {why}", file.path))
        .collect()
}

fn forbidden(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
    FORBIDDEN.iter().filter(|(word, _)| stands_alone(line, word)).copied()
}

/// Whether `word` occurs in `line` and is not the end of a longer word or path.
fn stands_alone(line: &str, word: &str) -> bool {
    let longer = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*' | ':'));
    line.match_indices(word).any(|(at, _)| line.get(..at).is_some_and(|before| !longer(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_caught() {
        for (word, _) in FORBIDDEN {
            let file = File { path: "x.rs".into(), text: format!("fine\n// {word}x\n") };
            assert_eq!(complaints(&file).len(), 1, "{word}");
        }
    }

    #[test]
    fn parts_of_longer_paths_are_not() {
        let file = File { path: "x.md".into(), text: concat!("a/net", "wo", "rk/b ./wo", "rk/x").into() };
        assert!(complaints(&file).is_empty());
    }
}
