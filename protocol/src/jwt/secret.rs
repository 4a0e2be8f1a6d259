use std::collections::HashSet;
use std::fmt;

use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// Shortest HS256 secret, in bytes (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// Fewest different bytes in a secret. Thirty-two random hexadecimal digits have about fourteen.
const MIN_DISTINCT_BYTES: usize = 8;

/// Secrets that stand in published compose files, examples and manuals. Whoever has read them can
/// sign as an administrator.
const PUBLISHED: [&str; 6] = [
    "dev-secret-please-change-in-production",
    "your-secret-key-here-must-be-32-char-or-above",
    "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "reallyreallyreallyreallyverysafe",
    "reallyreallyreallyreallyverysafe123",
];

/// Parts that give a placeholder away. A random secret contains none of them.
const PLACEHOLDER_PARTS: [&str; 6] = [
    "please-change",
    "change-me",
    "changeme",
    "change-this",
    "change-in-production",
    "your-secret",
];

/// InsForge's JWT secret: an administrator key, since whoever has it signs for any role.
///
/// It cannot be printed, compared or serialised, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret {
    signing: EncodingKey,
    verifying: DecodingKey,
}

/// Why a text is not taken as a secret. Never holds any part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Shorter than [`MIN_SECRET_BYTES`].
    #[error("the JWT secret is shorter than 32 bytes; make one with `openssl rand -base64 48`")]
    TooShort,
    /// A published default or an obvious placeholder.
    #[error("the JWT secret is a published placeholder; make one with `openssl rand -base64 48`")]
    Published,
    /// Fewer than eight different characters.
    #[error("the JWT secret repeats a few characters; make one with `openssl rand -base64 48`")]
    Repetitive,
}

impl Secret {
    /// Takes the secret's text as InsForge and PostgREST do: its UTF-8 bytes, not decoded, not trimmed.
    ///
    /// # Errors
    /// [`SecretError`] if anyone could guess it.
    pub fn new(text: &str) -> Result<Secret, SecretError> {
        let lower = text.to_ascii_lowercase();
        if PUBLISHED.contains(&lower.as_str()) || PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part)) {
            return Err(SecretError::Published);
        }
        if text.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort);
        }
        if text.bytes().collect::<HashSet<_>>().len() < MIN_DISTINCT_BYTES {
            return Err(SecretError::Repetitive);
        }
        let bytes = text.as_bytes();
        Ok(Secret {
            signing: EncodingKey::from_secret(bytes),
            verifying: DecodingKey::from_secret(bytes),
        })
    }

    pub(super) fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    pub(super) fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Goes through a JSON value because a format's own type error would quote the offending text.
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
        match Value::deserialize(input)? {
            Value::String(text) => Secret::new(&text).map_err(D::Error::custom),
            _ => Err(D::Error::custom("the JWT secret must be a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessable_secrets_are_refused_with_the_reason() {
        let refused = |text: &str| Secret::new(text).map(|_| ()).unwrap_err();
        for published in PUBLISHED {
            assert_eq!(refused(published), SecretError::Published);
        }
        assert_eq!(
            refused("Dev-Secret-Please-Change-In-Production"),
            SecretError::Published
        );
        assert_eq!(refused("correct horse battery staple 12"), SecretError::TooShort);
        assert_eq!(refused(""), SecretError::TooShort);
        assert_eq!(refused(&"abcabca".repeat(10)), SecretError::Repetitive);
        assert!(Secret::new("5f0c9b7e2d8a41365f0c9b7e2d8a4136").is_ok());
    }

    #[test]
    fn a_secret_shows_up_neither_in_debug_output_nor_in_errors() {
        let secret = Secret::new("kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        for document in ["\"shorty-shorty\"", "4711", "[\"kWb0v1zN\"]"] {
            let error = serde_json::from_str::<Secret>(document).unwrap_err().to_string();
            assert!(
                !error.contains("shorty") && !error.contains("4711") && !error.contains("kWb0"),
                "{error}"
            );
        }
    }
}
