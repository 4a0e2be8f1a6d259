use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value, json};

use super::{Alg, KeyFamily, base64url, curve};

/// Shortest RSA modulus that counts, in bits (RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;

/// Longest RSA modulus, in bits; a longer one would only make each verification expensive.
const MAX_RSA_BITS: usize = 8192;

/// Largest RSA exponent, in bytes. Real ones are 3 or 65537.
const MAX_EXPONENT_BYTES: usize = 4;

/// Members that only a private JWK has (RFC 7518 §6.2.2, §6.3.2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A public key of a provider, ready to verify with.
#[derive(Debug, Clone)]
pub struct Key {
    kid: Option<String>,
    /// The `alg` the JWK declares. Kept as text: an unknown one must not match anything.
    alg: Option<String>,
    material: Material,
    weakness: Option<Weakness>,
    pub(super) decoding: DecodingKey,
}

/// The public numbers, big-endian without leading zeros for RSA, fixed-size otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
}

/// Why a well-formed key proves nothing. Tokens signed with it get
/// [`TokenError::WeakKey`](super::TokenError::WeakKey), which tells an operator more than an unknown `kid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// The modulus is shorter than [`MIN_RSA_BITS`].
    #[error("the RSA modulus is shorter than 2048 bits")]
    ShortModulus,
    /// The modulus is even, so one factor is known to everyone.
    #[error("the RSA modulus is even")]
    EvenModulus,
    /// The exponent is even or smaller than three.
    #[error("the RSA exponent is even or smaller than 3")]
    BadExponent,
    /// An Ed25519 point of small order.
    #[error("the Ed25519 key is a point of small order")]
    SmallOrder,
}

/// Why an entry of a key set is passed over. The other entries still count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// Not a JSON object, or `kid` or `alg` is not a string.
    #[error("not a JWK")]
    NotAJwk,
    /// `kty` is missing or not RSA, EC or OKP.
    #[error("unknown key type")]
    UnknownKeyType,
    /// The curve is not P-256 or Ed25519.
    #[error("unknown curve")]
    UnknownCurve,
    /// `use` is not `sig`, or `key_ops` does not contain `verify`.
    #[error("not for verifying signatures")]
    NotForVerifying,
    /// A symmetric key (`oct`): a published secret is no secret.
    #[error("a symmetric key in a public set")]
    Symmetric,
    /// A private member: the provider has given its key away. The operator should know.
    #[error("a private key in a public set")]
    PrivateKey,
    /// A number is missing, is not strict base64url, or has the wrong length.
    #[error("malformed key material")]
    BadMaterial,
    /// The coordinates are not a point of the curve.
    #[error("the point is not on its curve")]
    NotOnCurve,
}

impl Key {
    /// Reads one entry of a key set's `keys` array.
    ///
    /// # Errors
    /// [`SkipReason`] says why the entry is of no use here.
    pub fn from_jwk(jwk: &Value) -> Result<Key, SkipReason> {
        let members = jwk.as_object().ok_or(SkipReason::NotAJwk)?;
        let kid = optional_text(members, "kid")?;
        let alg = optional_text(members, "alg")?;
        let kty = members
            .get("kty")
            .and_then(Value::as_str)
            .ok_or(SkipReason::UnknownKeyType)?;
        if kty == "oct" || members.contains_key("k") {
            return Err(SkipReason::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(SkipReason::PrivateKey);
        }
        if !is_for_verifying(members) {
            return Err(SkipReason::NotForVerifying);
        }
        let material = match kty {
            "RSA" => rsa(members)?,
            "EC" => p256(members)?,
            "OKP" => ed25519(members)?,
            _ => return Err(SkipReason::UnknownKeyType),
        };
        Ok(Key {
            kid,
            alg,
            weakness: material.weakness(),
            decoding: material.decoding_key()?,
            material,
        })
    }

    /// The key's id; `None` if the provider gave it none.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What the key is made of.
    pub fn family(&self) -> KeyFamily {
        match self.material {
            Material::Rsa { .. } => KeyFamily::Rsa,
            Material::P256 { .. } => KeyFamily::P256,
            Material::Ed25519 { .. } => KeyFamily::Ed25519,
        }
    }

    /// Why the key must not be relied on, if so.
    pub fn weakness(&self) -> Option<Weakness> {
        self.weakness
    }

    /// Whether the key may verify tokens of this algorithm: same family, and the JWK's own `alg`, if
    /// it declares one, is exactly the token's.
    pub fn fits(&self, alg: Alg) -> bool {
        self.family() == alg.family() && self.alg.as_deref().is_none_or(|own| own == alg.name())
    }

    /// Length of the only signatures this key can have made, in bytes.
    pub(super) fn signature_bytes(&self) -> usize {
        match &self.material {
            Material::Rsa { n, .. } => n.len(),
            Material::P256 { .. } | Material::Ed25519 { .. } => 64,
        }
    }

    /// Whether both entries are the same public key.
    pub(super) fn is_same_key(&self, other: &Key) -> bool {
        self.material == other.material
    }

    /// The key as a public JWK, with nothing but what verification needs.
    pub fn to_jwk(&self) -> Value {
        let mut jwk = match &self.material {
            Material::Rsa { n, e } => json!({
                "kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)
            }),
            Material::P256 { x, y } => json!({
                "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y)
            }),
            Material::Ed25519 { x } => json!({
                "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x)
            }),
        };
        jwk["use"] = "sig".into();
        for (name, value) in [("kid", &self.kid), ("alg", &self.alg)] {
            if let Some(value) = value {
                jwk[name] = value.as_str().into();
            }
        }
        jwk
    }
}

impl Material {
    fn weakness(&self) -> Option<Weakness> {
        match self {
            Material::Rsa { n, .. } if bit_length(n) < MIN_RSA_BITS => Some(Weakness::ShortModulus),
            Material::Rsa { n, .. } if is_even(n) => Some(Weakness::EvenModulus),
            Material::Rsa { e, .. } if is_even(e) || e == &[1] => Some(Weakness::BadExponent),
            Material::Ed25519 { x } if curve::is_small_order_ed25519(x) => Some(Weakness::SmallOrder),
            _ => None,
        }
    }

    fn decoding_key(&self) -> Result<DecodingKey, SkipReason> {
        let parsed = match self {
            Material::Rsa { n, e } => return Ok(DecodingKey::from_rsa_raw_components(n, e)),
            Material::P256 { x, y } => {
                DecodingKey::from_ec_components(&base64url::encode(x), &base64url::encode(y))
            }
            Material::Ed25519 { x } => DecodingKey::from_ed_components(&base64url::encode(x)),
        };
        parsed.map_err(|_| SkipReason::BadMaterial)
    }
}

fn optional_text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, SkipReason> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(SkipReason::NotAJwk),
    }
}

fn is_for_verifying(members: &Map<String, Value>) -> bool {
    let use_allows = members.get("use").is_none_or(|value| value == "sig");
    let ops_allow = members.get("key_ops").is_none_or(|value| {
        value
            .as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
    });
    use_allows && ops_allow
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkipReason> {
    members
        .get(name)
        .and_then(Value::as_str)
        .and_then(base64url::decode)
        .ok_or(SkipReason::BadMaterial)
}

fn coordinate(members: &Map<String, Value>, name: &str) -> Result<[u8; 32], SkipReason> {
    bytes(members, name)?
        .try_into()
        .map_err(|_| SkipReason::BadMaterial)
}

/// RFC 7518 §6.3.1.1 notes that some issuers prefix zero octets; they carry no meaning.
fn integer(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkipReason> {
    let mut number = bytes(members, name)?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    if number.is_empty() {
        Err(SkipReason::BadMaterial)
    } else {
        Ok(number)
    }
}

fn rsa(members: &Map<String, Value>) -> Result<Material, SkipReason> {
    let (n, e) = (integer(members, "n")?, integer(members, "e")?);
    if bit_length(&n) > MAX_RSA_BITS || e.len() > MAX_EXPONENT_BYTES {
        return Err(SkipReason::BadMaterial);
    }
    Ok(Material::Rsa { n, e })
}

fn p256(members: &Map<String, Value>) -> Result<Material, SkipReason> {
    require_curve(members, "P-256")?;
    let (x, y) = (coordinate(members, "x")?, coordinate(members, "y")?);
    if !curve::is_on_p256(&x, &y) {
        return Err(SkipReason::NotOnCurve);
    }
    Ok(Material::P256 { x, y })
}

fn ed25519(members: &Map<String, Value>) -> Result<Material, SkipReason> {
    require_curve(members, "Ed25519")?;
    Ok(Material::Ed25519 {
        x: coordinate(members, "x")?,
    })
}

fn require_curve(members: &Map<String, Value>, name: &str) -> Result<(), SkipReason> {
    if members.get("crv").is_some_and(|crv| crv == name) {
        Ok(())
    } else {
        Err(SkipReason::UnknownCurve)
    }
}

/// Bits of a big-endian number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|last| last % 2 == 0)
}
