use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{KeySet, Preset, ProfileError, ProfileSpec, Secret};

/// Everything needed to judge one provider's tokens, complete and checked.
///
/// Made from a [`ProfileSpec`]; reads from and writes to the same JSON, with the preset's defaults
/// filled in and without secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "ProfileSpec", into = "ProfileSpec")]
pub struct Profile {
    spec: ProfileSpec,
    keys: Arc<Keys>,
}

/// What signatures are checked with. Public keys and secrets are kept apart, so that which of them
/// applies depends on the algorithm alone.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The provider's public keys.
    pub set: KeySet,
    /// HS256 secrets, the current one first.
    pub secrets: Vec<Secret>,
}

impl Profile {
    /// The settings, with the preset's defaults filled in. Secrets and inline keys have moved to
    /// [`Profile::keys`].
    pub fn spec(&self) -> &ProfileSpec {
        &self.spec
    }

    /// The keys that came with the profile. A service that fetches keys passes its own to
    /// [`verify_with_keys`](super::verify_with_keys).
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// Whose tokens these are.
    pub fn preset(&self) -> Preset {
        self.spec.preset
    }

    /// Where the provider publishes its keys: as configured, else where the preset knows it to be.
    /// `None` means discovery: `<iss>/.well-known/openid-configuration`.
    pub fn jwks_uri(&self) -> Option<String> {
        let derived = || {
            self.spec
                .iss
                .iter()
                .find_map(|iss| self.spec.preset.jwks_uri(iss))
        };
        self.spec.jwks_uri.clone().or_else(derived)
    }

    /// Whether a token that claims this issuer may be judged with this profile.
    pub fn accepts_issuer(&self, iss: Option<&str>) -> bool {
        self.spec.iss.is_empty() || iss.is_some_and(|iss| self.spec.iss.iter().any(|own| own == iss))
    }
}

impl Keys {
    /// Public keys only.
    pub fn from_set(set: KeySet) -> Keys {
        Keys {
            set,
            secrets: Vec::new(),
        }
    }
}

impl TryFrom<ProfileSpec> for Profile {
    type Error = ProfileError;

    fn try_from(spec: ProfileSpec) -> Result<Profile, ProfileError> {
        let mut spec = spec.with_defaults();
        spec.check()?;
        let set = spec
            .jwks
            .take()
            .map(|jwks| KeySet::from_json(&jwks))
            .transpose()?
            .unwrap_or_default();
        let secrets = [spec.secret.take(), spec.previous_secret.take()]
            .into_iter()
            .flatten()
            .collect();
        Ok(Profile {
            spec,
            keys: Arc::new(Keys { set, secrets }),
        })
    }
}

impl From<Profile> for ProfileSpec {
    fn from(profile: Profile) -> ProfileSpec {
        let jwks = (!profile.keys.set.is_empty()).then(|| profile.keys.set.to_json());
        ProfileSpec { jwks, ..profile.spec }
    }
}
