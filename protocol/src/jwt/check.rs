use serde_json::{Map, Value};

use super::{Alg, KeyFamily, Keys, Preset, Profile, Token, TokenError, identity, signature};

/// One check of a token. They are made in the order of [`Check::ALL`], and the first that fails names
/// the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// Not longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    Size,
    /// Three strict base64url parts, JSON objects without duplicate members.
    Form,
    /// No `crit` header.
    Crit,
    /// `alg` is in the profile's list.
    Algorithm,
    /// Exactly one key answers to `kid`, and it is for this `alg`.
    Key,
    /// The key is strong enough.
    KeyStrength,
    /// The signature verifies.
    Signature,
    /// `typ` and the payload's `type` are of the accepted kind.
    TokenType,
    /// `exp` is there; `exp`, `nbf` and `iat` are numbers.
    TimeClaims,
    /// `exp` has not passed.
    Expiry,
    /// `nbf` has come.
    NotBefore,
    /// `iat` is not in the future.
    IssuedAt,
    /// The token does not live longer than allowed.
    Lifetime,
    /// `iss` is one of the profile's.
    Issuer,
    /// `aud` names one of the profile's audiences.
    Audience,
    /// `sub` can identify a user.
    Subject,
    /// `azp`, where present, is one of the profile's.
    AuthorizedParty,
    /// The session is complete.
    Session,
    /// The token is a user's, not a machine's.
    Machine,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Check; 19] = [
        Check::Size,
        Check::Form,
        Check::Crit,
        Check::Algorithm,
        Check::Key,
        Check::KeyStrength,
        Check::Signature,
        Check::TokenType,
        Check::TimeClaims,
        Check::Expiry,
        Check::NotBefore,
        Check::IssuedAt,
        Check::Lifetime,
        Check::Issuer,
        Check::Audience,
        Check::Subject,
        Check::AuthorizedParty,
        Check::Session,
        Check::Machine,
    ];

    /// The name shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Check::Size => "size",
            Check::Form => "form",
            Check::Crit => "crit",
            Check::Algorithm => "algorithm",
            Check::Key => "key",
            Check::KeyStrength => "key_strength",
            Check::Signature => "signature",
            Check::TokenType => "token_type",
            Check::TimeClaims => "time_claims",
            Check::Expiry => "expiry",
            Check::NotBefore => "not_before",
            Check::IssuedAt => "issued_at",
            Check::Lifetime => "lifetime",
            Check::Issuer => "issuer",
            Check::Audience => "audience",
            Check::Subject => "subject",
            Check::AuthorizedParty => "authorized_party",
            Check::Session => "session",
            Check::Machine => "machine",
        }
    }
}

/// A token beside what it is judged by.
pub(super) struct Case<'a> {
    pub(super) token: &'a Token<'a>,
    pub(super) profile: &'a Profile,
    pub(super) keys: &'a Keys,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// The time claims, in seconds since 1970; fractions are allowed (RFC 7519 §2, NumericDate).
pub(super) struct Times {
    pub(super) exp: f64,
    pub(super) nbf: Option<f64>,
    pub(super) iat: Option<f64>,
}

impl Case<'_> {
    /// Makes one check. Checks that build on an earlier one report its error again.
    pub(super) fn judge(&self, check: Check) -> Result<(), TokenError> {
        match check {
            // A `Token` exists only if these two passed.
            Check::Size | Check::Form => Ok(()),
            Check::Crit => refuse_if(self.token.header.has_crit, TokenError::BadCrit),
            Check::Algorithm => self.alg().map(|_| ()),
            Check::Key => self.key(),
            Check::KeyStrength => self.key_strength(),
            Check::Signature => self.signature(),
            Check::TokenType => self.token_type(),
            Check::TimeClaims => self.times().map(|_| ()),
            Check::Expiry => self.expiry(),
            Check::NotBefore => self.not_in_future(self.times()?.nbf, TokenError::NotYetValid),
            Check::IssuedAt => self.not_in_future(self.times()?.iat, TokenError::IatInFuture),
            Check::Lifetime => self.lifetime(),
            Check::Issuer => refuse_if(
                !self.profile.accepts_issuer(self.token.unverified_issuer()),
                TokenError::BadIssuer,
            ),
            Check::Audience => self.audience(),
            Check::Subject => identity::user_id(self.claims(), self.profile).map(|_| ()),
            Check::AuthorizedParty => self.authorized_party(),
            Check::Session => refuse_if(self.is_pending(), TokenError::SessionPending),
            Check::Machine => refuse_if(self.is_machine(), TokenError::MachineToken),
        }
    }

    fn claims(&self) -> &Map<String, Value> {
        &self.token.claims
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims().get(name).and_then(Value::as_str)
    }

    /// The header's algorithm, if the profile accepts it.
    pub(super) fn alg(&self) -> Result<Alg, TokenError> {
        Alg::from_name(&self.token.header.alg)
            .filter(|alg| self.profile.spec().algs.contains(alg))
            .ok_or(TokenError::AlgNotAllowed)
    }

    fn key(&self) -> Result<(), TokenError> {
        let alg = self.alg()?;
        if alg.family() == KeyFamily::Secret {
            return refuse_if(self.keys.secrets.is_empty(), TokenError::UnknownKid);
        }
        self.keys.set.select(alg, self.token.unverified_kid()).map(|_| ())
    }

    fn key_strength(&self) -> Result<(), TokenError> {
        let alg = self.alg()?;
        if alg.family() == KeyFamily::Secret {
            return Ok(());
        }
        let key = self.keys.set.select(alg, self.token.unverified_kid())?;
        refuse_if(key.weakness().is_some(), TokenError::WeakKey)
    }

    fn signature(&self) -> Result<(), TokenError> {
        let alg = self.alg()?;
        let (input, bytes) = (self.token.signing_input, self.token.signature.as_slice());
        let valid = if alg.family() == KeyFamily::Secret {
            self.keys
                .secrets
                .iter()
                .any(|secret| signature::is_valid_mac(secret, input, bytes))
        } else {
            let key = self.keys.set.select(alg, self.token.unverified_kid())?;
            key.weakness().is_none() && signature::is_valid(alg, key, input, bytes)
        };
        refuse_if(!valid, TokenError::BadSignature)
    }

    fn token_type(&self) -> Result<(), TokenError> {
        let spec = self.profile.spec();
        let own = media_type(self.token.header.typ.as_deref().unwrap_or_default());
        let accepted = spec.typ.as_deref().unwrap_or_default();
        let typ_fits = accepted.is_empty() || accepted.iter().any(|typ| media_type(typ) == own);
        let refused = spec.reject_type.as_deref().unwrap_or_default();
        let is_refused = self
            .text("type")
            .is_some_and(|kind| refused.iter().any(|other| other == kind));
        refuse_if(!typ_fits || is_refused, TokenError::WrongTokenType)
    }

    /// The time claims, typed.
    pub(super) fn times(&self) -> Result<Times, TokenError> {
        Ok(Times {
            exp: self.seconds("exp")?.ok_or(TokenError::MissingExp)?,
            nbf: self.seconds("nbf")?,
            iat: self.seconds("iat")?,
        })
    }

    fn seconds(&self, name: &str) -> Result<Option<f64>, TokenError> {
        let Some(value) = self.claims().get(name) else {
            return Ok(None);
        };
        let finite = value.as_f64().filter(|seconds| seconds.is_finite());
        finite.map(Some).ok_or(TokenError::BadClaimType)
    }

    /// Tolerance in seconds.
    pub(super) fn leeway(&self) -> f64 {
        self.profile.spec().leeway_s.unwrap_or_default().into()
    }

    /// `now` for comparison with claims; exact for the next 285 million years.
    pub(super) fn now(&self) -> f64 {
        self.now as f64
    }

    fn expiry(&self) -> Result<(), TokenError> {
        refuse_if(
            self.now() >= self.times()?.exp + self.leeway(),
            TokenError::Expired,
        )
    }

    fn not_in_future(&self, time: Option<f64>, error: TokenError) -> Result<(), TokenError> {
        refuse_if(time.is_some_and(|time| self.now() + self.leeway() < time), error)
    }

    fn lifetime(&self) -> Result<(), TokenError> {
        let times = self.times()?;
        let lifetime = times.exp - times.iat.unwrap_or(self.now());
        let longest = self.profile.spec().max_lifetime_s;
        refuse_if(
            longest.is_some_and(|longest| lifetime > longest.into()),
            TokenError::LifetimeTooLong,
        )
    }

    fn audience(&self) -> Result<(), TokenError> {
        let wanted = &self.profile.spec().aud;
        if wanted.is_empty() {
            return Ok(());
        }
        let is_wanted = |aud: &str| wanted.iter().any(|own| own == aud);
        let matches = match self.claims().get("aud") {
            Some(Value::String(aud)) => is_wanted(aud),
            Some(Value::Array(list)) => {
                list.iter().all(Value::is_string) && list.iter().filter_map(Value::as_str).any(is_wanted)
            }
            _ => false,
        };
        refuse_if(!matches, TokenError::BadAudience)
    }

    fn authorized_party(&self) -> Result<(), TokenError> {
        let wanted = &self.profile.spec().azp;
        let Some(azp) = self.claims().get("azp") else {
            return Ok(());
        };
        refuse_if(
            !wanted.is_empty() && !wanted.iter().any(|own| azp == own.as_str()),
            TokenError::BadAzp,
        )
    }

    fn is_pending(&self) -> bool {
        let spec = self.profile.spec();
        spec.preset == Preset::Clerk && !spec.allow_pending_sessions && self.text("sts") == Some("pending")
    }

    fn is_machine(&self) -> bool {
        let spec = self.profile.spec();
        let machine = self.text("gty") == Some("client-credentials")
            || self.text("sub").is_some_and(|sub| sub.ends_with("@clients"));
        spec.preset == Preset::Auth0 && !spec.allow_machine_tokens && machine
    }
}

fn refuse_if(condition: bool, error: TokenError) -> Result<(), TokenError> {
    if condition { Err(error) } else { Ok(()) }
}

/// A `typ` for comparison: case does not count, and `application/` may be left out (RFC 7515 §4.1.9).
fn media_type(typ: &str) -> String {
    let lower = typ.to_ascii_lowercase();
    lower.strip_prefix("application/").unwrap_or(&lower).to_owned()
}
