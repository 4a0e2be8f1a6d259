//! Signatures over an authorization: which forms exist, which a token accepts, and who signed.
//!
//! A token's own check (FiatToken, OpenZeppelin ECDSA) takes 65 bytes with v 27 or 28 and s in the lower half
//! of the group order (EIP-2). We take v 0 and 1 as well and hand on the normalised form; everything else that
//! a token would revert on is refused here, before anybody counts on the money.

use std::fmt;

use alloy_primitives::{Address, B256, hex, keccak256};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

/// Length of r ‖ s ‖ v.
const EOA_BYTES: usize = 65;
/// ERC-6492: the last 32 bytes of a signature by a wallet that need not be deployed yet.
const ERC6492_MAGIC: [u8; 32] = hex!("6492649264926492649264926492649264926492649264926492649264926492");
/// Order n of secp256k1.
const N: [u8; 32] = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
/// Largest s that tokens accept: n / 2 (EIP-2).
const HALF_N: [u8; 32] = hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/// A signature by its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// 65 bytes that a key pair can have made.
    Eoa(EoaSignature),
    /// More than 65 bytes: only the chain can say whether a contract wallet accepts it.
    ContractWallet(Wallet),
}

/// Kinds of signature that need the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wallet {
    /// Opaque bytes for the wallet's `isValidSignature` (ERC-1271).
    Erc1271,
    /// Wrapped with the wallet's deployment (ERC-6492).
    Erc6492,
}

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureError {
    /// Not `0x` + an even number of hex digits.
    #[error("is not 0x-prefixed hex")]
    NotHex,
    /// Shorter than 65 bytes and not 64.
    #[error("has {0} bytes; a token takes 65 (r, s, v)")]
    Length(usize),
    /// 64 bytes: EIP-2098 compact form, or v is missing.
    #[error("has 64 bytes; tokens take neither the compact form (EIP-2098) nor r and s without v")]
    Compact,
    /// v is none of 0, 1, 27, 28.
    #[error("has v = {0}; a token takes 27 or 28")]
    RecoveryId(u8),
    /// r or s is zero or not below the group order.
    #[error("has r or s outside the group order")]
    Range,
    /// s above n/2: the twin of a good signature, which tokens refuse (EIP-2).
    #[error("has a high s, which tokens refuse (EIP-2); send the low-s form")]
    HighS,
    /// No public key belongs to these numbers.
    #[error("recovers to no key")]
    NotRecoverable,
    /// Another key signed, or other fields, or under another EIP-712 domain.
    #[error(
        "was made by {0:#x}, which is not the payer: check the key, the signed fields and the EIP-712 domain"
    )]
    WrongSigner(Address),
    /// `from` is the zero address, which nobody can sign for.
    #[error("cannot be valid: the payer is the zero address")]
    ZeroPayer,
}

/// A 65-byte signature in range, low s, v 27 or 28. Its text is a bearer instrument until the nonce is used,
/// so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EoaSignature([u8; EOA_BYTES]);

impl Signature {
    /// Sorts a signature's text by form. Bytes beyond 65 are not looked into.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let digits = text
            .strip_prefix("0x")
            .filter(|d| !d.starts_with("0x"))
            .ok_or(SignatureError::NotHex)?;
        let bytes = hex::decode(digits).map_err(|_| SignatureError::NotHex)?;
        match bytes.len() {
            64 => Err(SignatureError::Compact),
            0..EOA_BYTES => Err(SignatureError::Length(bytes.len())),
            EOA_BYTES => EoaSignature::from_slice(&bytes).map(Self::Eoa),
            _ if bytes.ends_with(&ERC6492_MAGIC) => Ok(Self::ContractWallet(Wallet::Erc6492)),
            _ => Ok(Self::ContractWallet(Wallet::Erc1271)),
        }
    }
}

impl EoaSignature {
    fn from_slice(bytes: &[u8]) -> Result<Self, SignatureError> {
        let mut raw: [u8; EOA_BYTES] = bytes
            .try_into()
            .map_err(|_| SignatureError::Length(bytes.len()))?;
        raw[64] = match raw[64] {
            v @ (0 | 1) => v + 27,
            v @ (27 | 28) => v,
            v => return Err(SignatureError::RecoveryId(v)),
        };
        let (r, s) = (&raw[..32], &raw[32..64]);
        let in_range = |scalar: &[u8]| scalar < &N[..] && scalar.iter().any(|byte| *byte != 0);
        if !in_range(r) || !in_range(s) {
            return Err(SignatureError::Range);
        }
        if s > &HALF_N[..] {
            return Err(SignatureError::HighS);
        }
        Ok(Self(raw))
    }

    /// The address whose key signed `digest`. libsecp256k1 does it: measured in
    /// `docs/adr/0002-signature-recovery.md`.
    pub fn recover(&self, digest: B256) -> Result<Address, SignatureError> {
        let parity = if self.0[64] == 28 {
            RecoveryId::One
        } else {
            RecoveryId::Zero
        };
        let key = RecoverableSignature::from_compact(&self.0[..64], parity)
            .and_then(|signature| signature.recover_ecdsa(Message::from_digest(digest.0)))
            .map_err(|_| SignatureError::NotRecoverable)?;
        Ok(Address::from_slice(
            &keccak256(&key.serialize_uncompressed()[1..])[12..],
        ))
    }

    /// Checks that `payer` signed `digest`.
    pub fn verify(&self, digest: B256, payer: Address) -> Result<(), SignatureError> {
        if payer.is_zero() {
            return Err(SignatureError::ZeroPayer);
        }
        match self.recover(digest)? {
            signer if signer == payer => Ok(()),
            other => Err(SignatureError::WrongSigner(other)),
        }
    }

    /// r, s and v (27 or 28), the form to send on.
    pub const fn as_bytes(&self) -> &[u8; EOA_BYTES] {
        &self.0
    }

    /// [`Self::as_bytes`] as `0x` + 130 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode_prefixed(self.0)
    }
}

impl fmt::Debug for EoaSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EoaSignature(redacted)")
    }
}
