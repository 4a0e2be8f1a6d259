use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use anyhow::{Context, Result};
use insforge_protocol::evm::Authorization;
use k256::ecdsa::SigningKey;

use super::offer::Offer;
use super::signed::Signed;

/// Somebody with a private key. `Debug` shows the address only.
#[derive(Clone)]
pub struct Buyer {
    key: SigningKey,
    /// Account.
    pub address: Address,
}

impl Buyer {
    /// A buyer whom nobody has met before.
    pub fn new() -> Buyer {
        // A random number is no key only if it is 0 or above the group order: about once in 2^127.
        loop {
            if let Ok(key) = SigningKey::from_slice(&rand::random::<[u8; 32]>()) {
                return Buyer::with(key);
            }
        }
    }

    /// A buyer with a given private key in hex.
    ///
    /// # Errors
    /// The text is no private key; it is not repeated in the message.
    pub fn from_hex(secret: &str) -> Result<Buyer> {
        let bytes = hex::decode(secret.trim())
            .ok()
            .context("the private key is not hex")?;
        let key = SigningKey::from_slice(&bytes)
            .ok()
            .context("not a private key: it has 32 bytes")?;
        Ok(Buyer::with(key))
    }

    fn with(key: SigningKey) -> Buyer {
        let point = key.verifying_key().to_sec1_point(false);
        let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
        Buyer { key, address }
    }

    /// Accepts an offer: valid from now on for as long as the offer allows, with a random nonce.
    pub fn pay(&self, offer: &Offer) -> Signed {
        let auth = Authorization {
            from: self.address,
            to: offer.pay_to,
            value: offer.amount,
            valid_after: U256::ZERO,
            valid_before: U256::from(unix_now() + offer.max_timeout_seconds),
            nonce: B256::from(rand::random::<[u8; 32]>()),
        };
        self.sign(offer, auth)
    }

    /// Signs any fields under the offer's domain.
    pub fn sign(&self, offer: &Offer, auth: Authorization) -> Signed {
        let digest = auth.digest(&offer.domain);
        let (signature, parity) = self.key.sign_prehash_recoverable(digest.as_slice());
        let mut bytes = signature.to_bytes().to_vec();
        bytes.push(27 + u8::from(parity.is_y_odd()));
        Signed {
            offer: offer.clone(),
            auth,
            signature: bytes,
        }
    }
}

impl Default for Buyer {
    fn default() -> Buyer {
        Buyer::new()
    }
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buyer").field(&self.address).finish()
    }
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
