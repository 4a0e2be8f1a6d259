//! Provider tokens: parsing, keys, verification, identity, and minting InsForge tokens.
//!
//! A token is judged in fixed stages, each with its own [`TokenError`]; the first failure decides.
//! The order and the strictness follow RFC 7515, RFC 7519 and the advice of RFC 8725:
//!
//! 1. size, three strict base64url parts, UTF-8 JSON objects without duplicate members ([`Token`]);
//! 2. `crit`, `alg` against the profile's list, then the key by exact `kid` ([`KeySet`]);
//! 3. the signature; only then the claims: token type, times, issuer, audience, subject, `azp`;
//! 4. the provider's claims become one [`Identity`], whatever the provider calls them.
//!
//! Keys come from configuration only. What a token says about keys (`jwk`, `jku`, `x5u`, `x5c`) is
//! never read. Nothing here fetches, and nothing reads a clock: `now` is always an argument, in
//! whole seconds since 1970.

mod alg;
mod base64url;
mod check;
mod clerk;
mod curve;
mod error;
mod explain;
mod identity;
mod json;
mod jwk;
mod keyset;
mod mint;
mod path;
mod preset;
mod profile;
mod secret;
mod signature;
mod spec;
mod token;
mod verify;

pub use alg::{Alg, KeyFamily};
pub use check::Check;
pub use error::TokenError;
pub use explain::{Explained, Outcome, explain, explain_with_keys};
pub use identity::Identity;
pub use jwk::{Key, MIN_RSA_BITS, SkipReason, Weakness};
pub use keyset::{KeySet, KeySetError, MAX_JWKS_BYTES, MAX_KEYS, Skipped};
pub use mint::{AUDIENCE, Lifetime, MintError, Minted, ROLE, mint};
pub use path::{ClaimPaths, Path, Step};
pub use preset::Preset;
pub use profile::{Keys, Profile};
pub use secret::{MIN_SECRET_BYTES, Secret, SecretError};
pub use spec::{DEFAULT_LEEWAY_S, MAX_LEEWAY_S, ProfileError, ProfileSpec};
pub use token::{MAX_TOKEN_BYTES, Token};
pub use verify::{Verified, verify, verify_with_keys};
