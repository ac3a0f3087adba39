//! Tokens: 32 random bytes, written as text that says whose it is.

use crate::problem::TOKEN_PREFIX;
use crate::secret::Secret;
use adjutant_model::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// How many random bytes a token has.
const RANDOM_BYTES: usize = 32;
/// How long a token is: the prefix and 43 characters.
pub(crate) const TOKEN_BYTES: usize = TOKEN_PREFIX.len() + (RANDOM_BYTES * 4).div_ceil(3);

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes, so no secret can be made; see its log")]
pub struct NoRandomness;

/// A token that was just drawn. Its text is shown once and kept nowhere.
pub struct Drawn {
    /// The text to give to the holder.
    pub text: Secret,
    /// What is kept of it.
    pub hash: Digest,
    /// Its last four characters.
    pub last_four: String,
}

/// Draws a token.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn draw() -> Result<Drawn, NoRandomness> {
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
    let mut text = String::with_capacity(TOKEN_BYTES);
    text.push_str(TOKEN_PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
    let last_four = text.get(TOKEN_BYTES - 4..).unwrap_or_default().to_owned();
    Ok(Drawn { hash: Digest::of(text.as_bytes()), last_four, text: Secret::new(text) })
}

/// Draws a public name for a token.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn draw_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes.iter().fold(String::from("t"), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

/// The digest of a token as it was shown, if it looks like one at all.
pub(crate) fn digest_of(shown: &[u8]) -> Option<Digest> {
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let random = shown.strip_prefix(TOKEN_PREFIX.as_bytes())?;
    (shown.len() == TOKEN_BYTES && random.iter().all(is_fit)).then(|| Digest::of(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_recognizable_and_never_the_same() {
        let (one, two) = (draw().unwrap(), draw().unwrap());
        assert_eq!(one.text.reveal().len(), TOKEN_BYTES);
        assert_eq!(TOKEN_BYTES, 47);
        assert!(one.text.reveal().starts_with("adj_") && one.text.reveal().ends_with(&one.last_four));
        assert_ne!(one.text.reveal(), two.text.reveal());
        assert_eq!(digest_of(one.text.reveal().as_bytes()), Some(one.hash));
        assert_ne!(draw_id().unwrap(), draw_id().unwrap());
    }

    #[test]
    fn what_does_not_look_like_a_token_is_not_digested() {
        let good = draw().unwrap();
        let good = good.text.reveal();
        let bad =
            [String::new(), good.replace("adj_", "ADJ_"), format!("{good}A"), good[..46].into(), format!("{}\n", &good[..46])];
        assert!(bad.iter().all(|bad| digest_of(bad.as_bytes()).is_none()));
        assert!(digest_of("adj_".repeat(100_000).as_bytes()).is_none());
    }
}
