use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clerk::{self, ORG_PREFIX};
use super::{Path, Preset, Profile, TokenError};
use crate::claims::usable_subject;

/// Longest e-mail address, in bytes: 64 of local part, `@`, 255 of domain (RFC 5321 §4.5.3.1).
const MAX_EMAIL_BYTES: usize = 320;

/// Roles every Stytch member has; they say nothing about the organisation's own roles.
const STYTCH_DEFAULT_ROLES: &str = "stytch_";

/// Who a token speaks for, in the same words for every provider.
///
/// Texts are as the provider wrote them; none is blank or contains NUL. `org_role` is the role in the
/// organisation and never a Postgres role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's id, with the profile's prefix if it has one. Opaque and case-sensitive.
    pub user_id: String,
    /// The e-mail address, unless the token calls it unverified.
    pub email: Option<String>,
    /// The active organisation.
    pub org_id: Option<String>,
    /// The role in the active organisation.
    pub org_role: Option<String>,
    /// Permissions in the active organisation.
    pub permissions: Vec<String>,
    /// The provider's session.
    pub session_id: Option<String>,
    /// Who acts in the user's name, if somebody does.
    pub actor: Option<String>,
}

impl Identity {
    /// Reads a verified token's claims as the profile says.
    ///
    /// # Errors
    /// Those of [`user_id`]; everything else is optional.
    pub(super) fn from_claims(
        claims: &Map<String, Value>,
        profile: &Profile,
    ) -> Result<Identity, TokenError> {
        let paths = &profile.spec().claims;
        let first = |paths: &Option<Vec<Path>>| texts(claims, paths).next().map(str::to_owned);
        Ok(Identity {
            user_id: user_id(claims, profile)?,
            email: email(claims, profile),
            org_id: first(&paths.org_id),
            org_role: org_role(claims, profile),
            permissions: permissions(claims, profile),
            session_id: first(&paths.session_id),
            actor: first(&paths.actor),
        })
    }
}

/// The user's id. `sub` is checked in any case, since it is what the issuer vouches for.
///
/// # Errors
/// [`TokenError::MissingSub`] or [`TokenError::BadSub`].
pub(super) fn user_id(claims: &Map<String, Value>, profile: &Profile) -> Result<String, TokenError> {
    let sub = claims.get("sub").ok_or(TokenError::MissingSub)?;
    sub.as_str().and_then(usable_subject).ok_or(TokenError::BadSub)?;
    let id = texts(claims, &profile.spec().claims.user_id)
        .next()
        .ok_or(TokenError::MissingSub)?;
    let id = format!(
        "{}{id}",
        profile.spec().user_prefix.as_deref().unwrap_or_default()
    );
    usable_subject(&id).map(str::to_owned).ok_or(TokenError::BadSub)
}

/// The usable texts the paths lead to, in order.
fn texts<'a>(claims: &'a Map<String, Value>, paths: &Option<Vec<Path>>) -> impl Iterator<Item = &'a str> {
    let values: Vec<&Value> = paths
        .iter()
        .flatten()
        .flat_map(|path| path.values(claims))
        .collect();
    values
        .into_iter()
        .filter_map(Value::as_str)
        .filter_map(usable_subject)
}

/// An address that the token itself calls unverified could be anybody's, and policies compare it.
fn email(claims: &Map<String, Value>, profile: &Profile) -> Option<String> {
    let spec = profile.spec();
    let verdicts = spec
        .claims
        .email_verified
        .iter()
        .flatten()
        .flat_map(|path| path.values(claims));
    let unverified = verdicts
        .into_iter()
        .any(|value| value == false || value == "false");
    if unverified && !spec.allow_unverified_email {
        return None;
    }
    texts(claims, &spec.claims.email)
        .find(|text| text.len() <= MAX_EMAIL_BYTES)
        .map(str::to_owned)
}

fn org_role(claims: &Map<String, Value>, profile: &Profile) -> Option<String> {
    let mut roles = texts(claims, &profile.spec().claims.org_role);
    let role = match profile.preset() {
        Preset::Clerk => roles.next().map(without_org_prefix),
        Preset::Stytch => roles.find(|role| !role.starts_with(STYTCH_DEFAULT_ROLES)),
        _ => roles.next(),
    };
    role.map(str::to_owned)
}

fn permissions(claims: &Map<String, Value>, profile: &Profile) -> Vec<String> {
    if profile.preset() == Preset::Clerk
        && let Some(compact) = clerk::permissions(claims)
    {
        return compact;
    }
    let values = profile
        .spec()
        .claims
        .permissions
        .iter()
        .flatten()
        .flat_map(|path| path.values(claims));
    let array = values.into_iter().find_map(Value::as_array);
    let texts = array
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter_map(usable_subject);
    match profile.preset() {
        Preset::Clerk => texts.map(without_org_prefix).map(str::to_owned).collect(),
        _ => texts.map(str::to_owned).collect(),
    }
}

fn without_org_prefix(text: &str) -> &str {
    text.strip_prefix(ORG_PREFIX).unwrap_or(text)
}
