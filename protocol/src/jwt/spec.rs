use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Alg, ClaimPaths, KeySetError, Preset, Secret};

/// Tolerance for clocks that differ, in seconds, unless configured otherwise.
pub const DEFAULT_LEEWAY_S: u32 = 30;

/// Largest tolerance that may be configured, in seconds: it also prolongs every stolen token.
pub const MAX_LEEWAY_S: u32 = 120;

/// A provider as configured, before the preset's defaults are filled in: the JSON of
/// `insforge.providers` and the tables of the sidecar's TOML.
///
/// Unknown members are refused, because a misspelt check is a check that is not made. Secrets are
/// read but never written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileSpec {
    /// Whose tokens these are.
    pub preset: Preset,
    /// Accepted issuers, compared exactly: a slash at the end counts. One string or several.
    #[serde(deserialize_with = "one_or_many")]
    pub iss: Vec<String>,
    /// Accepted audiences; the token must name one of them. One string or several.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Says that tokens for any audience are welcome, where the preset wants `aud` to be set.
    pub allow_any_audience: bool,
    /// Accepted algorithms; empty means the preset's.
    pub algs: Vec<Alg>,
    /// Authorised parties: where set, a token with another `azp` is refused.
    #[serde(deserialize_with = "one_or_many")]
    pub azp: Vec<String>,
    /// Accepted `typ` headers, where the empty string stands for "no `typ`"; an empty list accepts all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<Vec<String>>,
    /// Values of the payload's `type` that mark tokens of another kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_type: Option<Vec<String>>,
    /// Tolerance for `exp`, `nbf` and `iat`, in seconds; at most [`MAX_LEEWAY_S`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leeway_s: Option<u32>,
    /// Longest time from `iat` (else from now) to `exp`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lifetime_s: Option<u32>,
    /// Put before every user id, so that two providers cannot name one user alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_prefix: Option<String>,
    /// Keeps an e-mail address that the token itself calls unverified.
    pub allow_unverified_email: bool,
    /// Accepts Clerk sessions with pending tasks.
    pub allow_pending_sessions: bool,
    /// Accepts Auth0 client-credentials tokens as users.
    pub allow_machine_tokens: bool,
    /// Claim paths that differ from the preset's.
    pub claims: ClaimPaths,
    /// Where the keys are fetched from; not fetched here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The keys themselves, as a key set document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// The shared secret; InsForge's own tokens only.
    #[serde(skip_serializing)]
    pub secret: Option<Secret>,
    /// The secret before the last rotation: still verifies, never signs.
    #[serde(skip_serializing)]
    pub previous_secret: Option<Secret>,
}

/// Why a configured provider cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No issuer: any token signed by the key would do.
    #[error("`iss` is missing")]
    NoIssuer,
    /// No audience although the issuer signs for several applications with one key.
    #[error("`aud` is missing: without it any application of this issuer could sign users in")]
    NoAudience,
    /// An empty string among `iss`, `aud` or `azp`.
    #[error("`iss`, `aud` and `azp` must not contain an empty string")]
    EmptyValue,
    /// HS256 or a secret for a third party, who would hold a key that signs for everyone.
    #[error("HS256 and `secret` are for InsForge's own tokens only")]
    SharedSecret,
    /// More than [`MAX_LEEWAY_S`].
    #[error("`leeway_s` is more than 120 seconds")]
    LeewayTooLong,
    /// `max_lifetime_s` is zero, so that no token could pass.
    #[error("`max_lifetime_s` is zero")]
    NoLifetime,
    /// The prefix is longer than 64 bytes or holds a NUL.
    #[error("`user_prefix` is longer than 64 bytes or contains NUL")]
    BadPrefix,
    /// The inline key set cannot be read.
    #[error("`jwks`: {0}")]
    BadKeySet(#[from] KeySetError),
}

/// Reads `null`, one string or a list of strings.
fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<OneOrMany>::deserialize(input)? {
        None => Vec::new(),
        Some(OneOrMany::One(value)) => vec![value],
        Some(OneOrMany::Many(values)) => values,
    })
}

impl ProfileSpec {
    /// Fills in the preset's defaults.
    pub(super) fn with_defaults(mut self) -> ProfileSpec {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        if self.algs.is_empty() {
            self.algs = self.default_algs();
        }
        self.typ.get_or_insert_with(|| own(self.preset.typ()));
        self.reject_type
            .get_or_insert_with(|| own(self.preset.reject_type()));
        self.leeway_s.get_or_insert(DEFAULT_LEEWAY_S);
        self.claims = self.claims.or(self.preset.claims());
        self
    }

    /// InsForge signs with a secret or with its own RSA key; only what has a key is accepted.
    fn default_algs(&self) -> Vec<Alg> {
        let has_set = self.jwks.is_some() || self.jwks_uri.is_some();
        let algs = self.preset.algs().iter().copied();
        match (self.preset, self.secret.is_some(), has_set) {
            (Preset::Insforge, true, false) => vec![Alg::HS256],
            (Preset::Insforge, false, true) => vec![Alg::RS256],
            _ => algs.collect(),
        }
    }

    /// The rules that no provider may break.
    pub(super) fn check(&self) -> Result<(), ProfileError> {
        let third_party = self.preset != Preset::Insforge;
        let has_secret = self.secret.is_some() || self.previous_secret.is_some();
        let blank = |values: &[String]| values.iter().any(|value| value.trim().is_empty());
        let bad_prefix = |prefix: &String| prefix.len() > 64 || prefix.contains('\0');
        let rules = [
            (third_party && self.iss.is_empty(), ProfileError::NoIssuer),
            (
                blank(&self.iss) || blank(&self.aud) || blank(&self.azp),
                ProfileError::EmptyValue,
            ),
            (
                self.preset.requires_audience() && self.aud.is_empty() && !self.allow_any_audience,
                ProfileError::NoAudience,
            ),
            (
                third_party && (has_secret || self.algs.contains(&Alg::HS256)),
                ProfileError::SharedSecret,
            ),
            (
                self.leeway_s.is_some_and(|leeway| leeway > MAX_LEEWAY_S),
                ProfileError::LeewayTooLong,
            ),
            (self.max_lifetime_s == Some(0), ProfileError::NoLifetime),
            (
                self.user_prefix.as_ref().is_some_and(bad_prefix),
                ProfileError::BadPrefix,
            ),
        ];
        rules
            .into_iter()
            .find(|(broken, _)| *broken)
            .map_or(Ok(()), |(_, error)| Err(error))
    }
}
