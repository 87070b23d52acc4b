//! The secrets of <https://www.standardwebhooks.com>: `whsec_` and a key in Base64.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const PREFIX: &str = "whsec_";

/// With `=` at the end or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is no such secret. Without any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("a secret to sign with begins with `whsec_`")]
    Prefix,
    #[error("what follows `whsec_` is not Base64")]
    Base64,
    #[error("nothing follows `whsec_`")]
    Empty,
}

/// The key that a secret stands for.
pub fn signing_key(secret: &str) -> Result<Vec<u8>, SignError> {
    let key = secret.trim().strip_prefix(PREFIX).ok_or(SignError::Prefix)?;
    match BASE64.decode(key) {
        Ok(key) if key.is_empty() => Err(SignError::Empty),
        Ok(key) => Ok(key),
        Err(_) => Err(SignError::Base64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_prefix_and_base64() {
        assert_eq!(signing_key("whsec_aHVudGVyMg==").as_deref(), Ok(&b"hunter2"[..]));
        assert_eq!(signing_key("whsec_aHVudGVyMg\n").as_deref(), Ok(&b"hunter2"[..]));
        for (secret, error) in [
            ("aHVudGVyMg==", SignError::Prefix),
            ("whsec_", SignError::Empty),
            ("whsec_hunter 2", SignError::Base64),
        ] {
            assert_eq!(signing_key(secret), Err(error));
        }
    }
}
