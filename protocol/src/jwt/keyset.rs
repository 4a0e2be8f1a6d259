use serde_json::{Value, json};

use super::json::parse_object;
use super::{Alg, Key, SkipReason, TokenError};

/// Longest key set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 1 << 20;

/// Most entries of a key set, usable or not. Providers publish two or three.
pub const MAX_KEYS: usize = 100;

/// A provider's public keys (RFC 7517 §5).
///
/// Two different keys may carry one `kid`. That is harmless where their algorithms differ. Where both
/// fit a token, neither is used: trying each would let a provider's mistake decide who is believed.
/// The same key listed twice counts once.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
}

/// An entry of a key set that is of no use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Position in the `keys` array, from 0.
    pub index: usize,
    /// Its `kid`, if it has one.
    pub kid: Option<String>,
    /// Why it is passed over.
    pub reason: SkipReason,
}

/// Why a whole key set is refused. The caller should keep the last good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than [`MAX_JWKS_BYTES`].
    #[error("the key set is longer than 1 MiB")]
    TooLarge,
    /// Not a JSON object with an array `keys`, or it repeats a member name.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// More than [`MAX_KEYS`] entries.
    #[error("the key set has more than 100 entries")]
    TooManyKeys,
}

impl KeySet {
    /// Reads a key set as it came over the wire.
    ///
    /// # Errors
    /// [`KeySetError`] if the document as a whole cannot be used. Unusable entries are no error: they
    /// are listed by [`KeySet::skipped`].
    pub fn parse(document: &[u8]) -> Result<KeySet, KeySetError> {
        if document.len() > MAX_JWKS_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let members = parse_object(document).map_err(|_| KeySetError::Malformed)?;
        KeySet::from_entries(members.get("keys"))
    }

    /// Reads a key set that is JSON already, as in a configuration or a `jsonb` column.
    ///
    /// # Errors
    /// As [`KeySet::parse`], except that duplicate members are already lost.
    pub fn from_json(document: &Value) -> Result<KeySet, KeySetError> {
        KeySet::from_entries(document.get("keys"))
    }

    fn from_entries(keys: Option<&Value>) -> Result<KeySet, KeySetError> {
        let entries = keys.and_then(Value::as_array).ok_or(KeySetError::Malformed)?;
        if entries.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = KeySet::default();
        for (index, entry) in entries.iter().enumerate() {
            match Key::from_jwk(entry) {
                Ok(key) => set.keys.push(key),
                Err(reason) => {
                    let kid = entry.get("kid").and_then(Value::as_str).map(str::to_owned);
                    set.skipped.push(Skipped { index, kid, reason });
                }
            }
        }
        Ok(set)
    }

    /// The keys that can be used, weak ones included.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The entries that were passed over, with reasons: for `doctor` and for the log.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Whether no entry is usable. Such a set should not replace one that works.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The usable keys as a key set document: what is stored for the database's own use. Holds no
    /// private or symmetric member whatever the provider published.
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.keys.iter().map(Key::to_jwk).collect::<Vec<_>>() })
    }

    /// Picks the one key a token may be verified with.
    ///
    /// # Errors
    /// [`TokenError::UnknownKid`] if no key has exactly this `kid`, or not exactly one key fits;
    /// [`TokenError::KeyAlgMismatch`] if the named key is not for this algorithm.
    pub fn select(&self, alg: Alg, kid: Option<&str>) -> Result<&Key, TokenError> {
        let named = || self.keys.iter().filter(|key| kid.is_none() || key.kid() == kid);
        let mut fitting = named().filter(|key| key.fits(alg));
        let Some(key) = fitting.next() else {
            let mismatch = kid.is_some() && named().next().is_some();
            return Err(if mismatch {
                TokenError::KeyAlgMismatch
            } else {
                TokenError::UnknownKid
            });
        };
        if fitting.all(|other| other.is_same_key(key)) {
            Ok(key)
        } else {
            Err(TokenError::UnknownKid)
        }
    }
}
