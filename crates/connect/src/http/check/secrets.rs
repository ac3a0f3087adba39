//! Finds what looks like a secret in a connector's file. A false alarm costs a word; a secret in git costs a rotation.

use super::Reader;
use adjutant_rules::diagnostic::Span;

/// How tokens of well-known makers begin.
const BEGINNINGS: [&str; 12] =
    ["xoxb-", "xoxp-", "xapp-", "ghp_", "gho_", "github_pat_", "glpat-", "AKIA", "ASIA", "eyJhbGci", "SSWS 0", "-----BEGIN"];

/// Names of fields whose value would be a secret.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "client_secret", "api_key", "apikey", "api-key", "access_token", "private_key"];

/// Texts of at least so many characters that look random are taken for secrets.
const RANDOM_CHARS_MIN: usize = 32;

pub(super) fn check(text: &str, reader: &mut Reader<'_>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        if !bare.starts_with('#') && is_secret(bare.trim_end()) {
            let span = Span::new(start + line.len() - bare.len(), start + line.trim_end().len());
            let help = "take it out and replace it at the vendor; the settings say where the secret stands";
            reader.fault("connector-secret", span, "this looks like a secret", help);
        }
        start += line.len();
    }
}

fn is_secret(line: &str) -> bool {
    let begins = BEGINNINGS.iter().any(|beginning| line.contains(beginning));
    begins || names_one(line) || line.split(|c: char| !is_of_token(c)).any(is_random)
}

/// `password: something`, where something is not an input.
fn names_one(line: &str) -> bool {
    let Some((name, value)) = line.split_once(':') else { return false };
    let name = name.trim_start_matches(['-', ' ', '{']).trim_matches(['"', '\'']).to_ascii_lowercase();
    let value = value.trim().trim_matches(['"', '\'']);
    NAMES.contains(&name.as_str()) && !value.is_empty() && !value.contains('{')
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=')
}

/// Long, of digits and both cases, and no words with lines between them.
fn is_random(word: &str) -> bool {
    let has = |of: fn(&char) -> bool| word.chars().filter(of).count() >= 3;
    word.len() >= RANDOM_CHARS_MIN
        && has(char::is_ascii_digit)
        && (has(char::is_ascii_uppercase) || word.chars().all(|c| c.is_ascii_hexdigit()))
        && has(char::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_seen_and_words_are_not() {
        for line in [
            "prefix: SSWS 00QCjAl4MlV-WPXM",
            "authorization: xoxb-123",
            "password: hunter2",
            "- client_secret: \"abc\"",
            "x: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "token: Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRkdISUpLTE1O",
        ] {
            assert!(is_secret(line), "{line}");
        }
        for line in [
            "get: /api/v1/users/{target.id}/lifecycle/expire_password",
            "password: '{with.password}'",
            "password: {",
            "docs: https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserLifecycle/",
            "prefix: 'SSWS '",
        ] {
            assert!(!is_secret(line), "{line}");
        }
    }
}
