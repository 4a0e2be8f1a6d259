use alloy_primitives::{U256, uint};

use super::key::{Buyer, unix_now};
use super::offer::Offer;
use super::signed::Signed;

/// Order of the group of secp256k1.
const N: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

impl Buyer {
    /// Signed correctly, but over already.
    pub fn pay_expired(&self, offer: &Offer) -> Signed {
        let fresh = self.pay(offer).auth;
        self.sign(
            offer,
            insforge_protocol::evm::Authorization {
                valid_before: U256::from(unix_now() - 1),
                ..fresh
            },
        )
    }

    /// Signed correctly, but for a later hour.
    pub fn pay_too_early(&self, offer: &Offer) -> Signed {
        let fresh = self.pay(offer).auth;
        let (after, before) = (U256::from(unix_now() + 3_600), U256::from(unix_now() + 7_200));
        self.sign(
            offer,
            insforge_protocol::evm::Authorization {
                valid_after: after,
                valid_before: before,
                ..fresh
            },
        )
    }

    /// The buyer sets price or payee: signs `theirs`, and sends it as the answer to `ours`.
    pub fn pay_otherwise(&self, ours: &Offer, theirs: &Offer) -> Signed {
        Signed {
            offer: ours.clone(),
            ..self.pay(theirs)
        }
    }
}

impl Signed {
    /// The malleable twin (r, n−s, v′): recovers to the same signer, and every token refuses it.
    pub fn with_high_s(mut self) -> Signed {
        let s = U256::from_be_slice(&self.signature[32..64]);
        self.signature[32..64].copy_from_slice(&(N - s).to_be_bytes::<32>());
        self.signature[64] = if self.signature[64] == 27 { 28 } else { 27 };
        self
    }

    /// EIP-2098: 64 bytes, the parity in the top bit of s.
    pub fn compact(mut self) -> Signed {
        if self.signature.pop() == Some(28) {
            self.signature[32] |= 0x80;
        }
        self
    }

    /// v as 0 or 1, as some wallets write it.
    pub fn with_bare_v(mut self) -> Signed {
        self.signature[64] -= 27;
        self
    }

    /// Claims to come from somebody else.
    pub fn claimed_by(mut self, other: &Buyer) -> Signed {
        self.auth.from = other.address;
        self
    }

    /// Altered after signing.
    pub fn with_value(mut self, value: u64) -> Signed {
        self.auth.value = U256::from(value);
        self
    }
}
