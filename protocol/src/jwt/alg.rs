use serde::{Deserialize, Serialize};

/// A signature algorithm that is accepted at all (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// There is no `none`, and the names are compared exactly: `nOnE` is not an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256, raw 64-byte signature.
    ES256,
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// HMAC with SHA-256. Only for InsForge's own tokens, never for a third party's.
    HS256,
}

/// What a key is made of. A key is bound to its family, so that no public key can ever serve as an
/// HMAC secret (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFamily {
    /// RSA, for [`Alg::RS256`] and [`Alg::PS256`].
    Rsa,
    /// NIST P-256, for [`Alg::ES256`].
    P256,
    /// Ed25519, for [`Alg::EdDSA`].
    Ed25519,
    /// A shared secret, for [`Alg::HS256`].
    Secret,
}

impl Alg {
    /// Reads a header's `alg` by exact comparison; `None` for everything not supported.
    pub fn from_name(name: &str) -> Option<Alg> {
        [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA, Alg::HS256]
            .into_iter()
            .find(|a| a.name() == name)
    }

    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Alg::RS256 => "RS256",
            Alg::PS256 => "PS256",
            Alg::ES256 => "ES256",
            Alg::EdDSA => "EdDSA",
            Alg::HS256 => "HS256",
        }
    }

    /// The only family of keys that may be used with this algorithm.
    pub fn family(self) -> KeyFamily {
        match self {
            Alg::RS256 | Alg::PS256 => KeyFamily::Rsa,
            Alg::ES256 => KeyFamily::P256,
            Alg::EdDSA => KeyFamily::Ed25519,
            Alg::HS256 => KeyFamily::Secret,
        }
    }
}
