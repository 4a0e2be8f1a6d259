use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::jwt::{Preset, Profile};
use reqwest::Url;
use serde_json::{Map, Value};

use super::fetch::{self, FetchError, HttpFetch, Source};
use super::keys::{KeyStore, Timing};
use crate::metrics::Metrics;
use crate::tls::TlsError;

/// Longest life of a minted token that may be configured past its provider's, in seconds.
const MAX_SESSION_CAP: Duration = Duration::from_secs(3600);

/// One provider as configured.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name in the configuration, in `insforge.providers` and in logs.
    pub name: String,
    /// How its tokens are judged.
    pub profile: Profile,
    /// Lets a minted token outlive the provider's, up to this many seconds from now.
    pub session_cap_s: Option<u32>,
    /// Says that its user ids are meant to be the same as another provider's.
    pub shares_user_ids: bool,
}

/// What is wrong with a configured provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Not lower-case letters, digits, `-` and `_`.
    #[error("the name {0:?} is not made of lower-case letters, digits, - and _")]
    Name(String),
    /// Not a table of settings.
    #[error("{0}: is not a table of settings")]
    NotATable(String),
    /// The profile cannot be used.
    #[error("{0}: {1}")]
    Profile(String, String),
    /// Its secret would be in a file that is shown and stored.
    #[error("{0}: a secret has no place here; set INSFORGE_JWT_SECRET")]
    Secret(String),
    /// Not a duration, or longer than an hour.
    #[error("{0}: session_cap is not a duration of at most 1h")]
    SessionCap(String),
    /// Not `true` or `false`.
    #[error("{0}: share_user_ids is neither true nor false")]
    ShareUserIds(String),
    /// Keys cannot be had from there.
    #[error("{0}: jwks_uri: {1}")]
    Address(String, String),
}

/// Two providers that could give two people one user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// Name of the one.
    pub one: String,
    /// Name of the other.
    pub other: String,
}

impl ProviderSettings {
    /// Reads a table of settings: a profile, and what is the exchange's own.
    ///
    /// # Errors
    /// [`ProviderError`], which never quotes a value that could be a secret.
    pub fn read(name: &str, settings: &Value) -> Result<ProviderSettings, ProviderError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.is_empty()
            || name.len() > 63
            || !name.starts_with(plain)
            || !name.chars().all(|c| plain(c) || c == '-' || c == '_')
        {
            return Err(ProviderError::Name(name.to_owned()));
        }
        let mut settings: Map<String, Value> = settings
            .as_object()
            .cloned()
            .ok_or_else(|| ProviderError::NotATable(name.to_owned()))?;
        if settings.contains_key("secret") || settings.contains_key("previous_secret") {
            return Err(ProviderError::Secret(name.to_owned()));
        }
        let session_cap_s = settings
            .remove("session_cap")
            .map(|cap| session_cap(name, &cap))
            .transpose()?;
        let shares_user_ids = match settings.remove("share_user_ids") {
            None => false,
            Some(Value::Bool(shares)) => shares,
            Some(_) => return Err(ProviderError::ShareUserIds(name.to_owned())),
        };
        let profile = serde_json::from_value(Value::Object(settings))
            .map_err(|error| ProviderError::Profile(name.to_owned(), error.to_string()))?;
        let provider = ProviderSettings {
            name: name.to_owned(),
            profile,
            session_cap_s,
            shares_user_ids,
        };
        provider
            .source()
            .map_err(|error| ProviderError::Address(name.to_owned(), error.to_string()))?;
        Ok(provider)
    }

    /// Where its keys come from: as configured, else where the preset knows them to be, else by discovery.
    ///
    /// # Errors
    /// [`FetchError`] if that is no address keys are fetched from.
    pub fn source(&self) -> Result<Source, FetchError> {
        let keys = self.profile.keys();
        if !keys.set.is_empty() {
            return Ok(Source::Inline(keys.set.clone()));
        }
        let Some(text) = self.profile.jwks_uri() else {
            let issuer = self.profile.spec().iss.first().cloned().unwrap_or_default();
            super::discovery::address(&issuer)?;
            return Ok(Source::Discovery(issuer));
        };
        let url = Url::parse(&text).map_err(|_| FetchError::ForbiddenAddress("not an address"))?;
        fetch::permitted(&url)?;
        Ok(Source::Address(url))
    }

    fn prefix(&self) -> &str {
        self.profile.spec().user_prefix.as_deref().unwrap_or_default()
    }
}

fn session_cap(name: &str, cap: &Value) -> Result<u32, ProviderError> {
    let wrong = || ProviderError::SessionCap(name.to_owned());
    let text = cap.as_str().ok_or_else(wrong)?;
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let cap = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(seconds))
        .ok_or_else(wrong)?;
    if cap == 0 || Duration::from_secs(cap) > MAX_SESSION_CAP {
        return Err(wrong());
    }
    u32::try_from(cap).map_err(|_| wrong())
}

/// Providers whose user ids are not kept apart. An id is unique within its issuer only, so with two of
/// them each but one needs a `user_prefix`, and none may be the beginning of another.
pub fn collisions(providers: &[ProviderSettings]) -> Vec<Collision> {
    let mut found = Vec::new();
    for (index, one) in providers.iter().enumerate() {
        for other in &providers[index + 1..] {
            let (a, b) = (one.prefix(), other.prefix());
            let apart = match (a.is_empty(), b.is_empty()) {
                (true, true) => false,
                (true, false) | (false, true) => true,
                (false, false) => !a.starts_with(b) && !b.starts_with(a),
            };
            if !(apart || one.shares_user_ids && other.shares_user_ids) {
                found.push(Collision {
                    one: one.name.clone(),
                    other: other.name.clone(),
                });
            }
        }
    }
    found
}

/// A provider at work.
pub struct Provider {
    /// As configured.
    pub settings: ProviderSettings,
    /// Its keys.
    pub keys: KeyStore,
    /// What other providers put before their user ids.
    foreign_prefixes: Vec<String>,
}

impl Provider {
    /// Sets the configured providers to work; nothing is fetched yet.
    ///
    /// # Errors
    /// [`TlsError`] when TLS cannot be set up.
    pub fn all(
        settings: &[ProviderSettings],
        timing: Timing,
        metrics: &Arc<Metrics>,
    ) -> Result<Vec<Arc<Provider>>, TlsError> {
        let all = settings.iter().map(|own| {
            // Judged when the settings were read.
            let source = own
                .source()
                .unwrap_or_else(|_| Source::Inline(Default::default()));
            let fetcher = Box::new(HttpFetch::new(source)?);
            let keys = KeyStore::new(&own.name, fetcher, timing, metrics.clone());
            Ok(Arc::new(Provider::new(own.clone(), keys, settings)))
        });
        all.collect()
    }

    /// One of `all`, with its key store.
    pub fn new(settings: ProviderSettings, keys: KeyStore, all: &[ProviderSettings]) -> Provider {
        let others = all
            .iter()
            .filter(|other| other.name != settings.name)
            .map(ProviderSettings::prefix);
        let foreign_prefixes = others
            .filter(|prefix| !prefix.is_empty())
            .map(str::to_owned)
            .collect();
        Provider {
            settings,
            keys,
            foreign_prefixes,
        }
    }

    /// Whether the id, which has no prefix of ours, would pass for another provider's.
    pub(super) fn trespasses(&self, user_id: &str) -> bool {
        self.settings.prefix().is_empty()
            && self
                .foreign_prefixes
                .iter()
                .any(|prefix| user_id.starts_with(prefix))
    }

    /// Whether its tokens are InsForge's own, which there is nothing to exchange for.
    pub(super) fn is_insforge(&self) -> bool {
        self.settings.profile.preset() == Preset::Insforge
    }

    /// The profile as it is stored in the database: without keys, which have a column.
    pub(super) fn stored_profile(&self) -> Value {
        let mut profile = serde_json::to_value(&self.settings.profile).unwrap_or_default();
        if let Some(members) = profile.as_object_mut() {
            members.remove("jwks");
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(settings: Value) -> Result<ProviderSettings, ProviderError> {
        ProviderSettings::read("app", &settings)
    }

    fn clerk(name: &str, more: Value) -> ProviderSettings {
        let mut settings = json!({"preset": "clerk", "iss": format!("https://{name}.acme.example")});
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap_or_default());
        ProviderSettings::read(name, &settings).unwrap()
    }

    #[test]
    fn keys_come_from_the_preset_the_configuration_or_discovery() {
        let source = |settings| read(settings).unwrap().source().unwrap().describe();
        assert_eq!(
            source(json!({"preset": "clerk", "iss": "https://clerk.acme.example"})),
            "https://clerk.acme.example/.well-known/jwks.json"
        );
        assert_eq!(
            source(json!({"preset": "oidc", "iss": "https://id.acme.example", "aud": "a"})),
            "https://id.acme.example by discovery"
        );
        assert_eq!(
            source(
                json!({"preset": "oidc", "iss": "x", "aud": "a", "jwks_uri": "https://id.acme.example/k"})
            ),
            "https://id.acme.example/k"
        );
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let refused = |settings| read(settings).unwrap_err().to_string();
        assert!(refused(json!({"preset": "clerk"})).contains("`iss` is missing"));
        assert!(refused(json!({"preset": "clerk", "iss": "https://c.example", "isss": 1})).contains("isss"));
        assert!(refused(json!({"preset": "stytch", "iss": "stytch.com/p", "aud": "p"})).contains("jwks_uri"));
        assert!(refused(json!({"preset": "clerk", "iss": "http://clerk.acme.example"})).contains("https"));
        assert!(refused(json!({"preset": "insforge", "secret": "hunter2"})).contains("INSFORGE_JWT_SECRET"));
        assert!(refused(json!("clerk")).contains("table"));
        for cap in [json!("2h"), json!("0s"), json!("5"), json!(5), json!("m")] {
            assert!(
                refused(json!({"preset": "clerk", "iss": "https://c.example", "session_cap": cap}))
                    .contains("session_cap")
            );
        }
        assert!(matches!(
            ProviderSettings::read("Clerk!", &json!({})),
            Err(ProviderError::Name(_))
        ));
    }

    #[test]
    fn the_exchanges_own_settings_are_no_part_of_the_profile() {
        let provider = clerk("app", json!({"session_cap": "15m", "share_user_ids": true}));
        assert_eq!(provider.session_cap_s, Some(900));
        assert!(provider.shares_user_ids);
    }

    #[test]
    fn user_ids_of_two_providers_must_be_kept_apart() {
        let pairs = |all: &[ProviderSettings]| collisions(all).len();
        let bare = |name| clerk(name, json!({}));
        let prefixed = |name, prefix: &str| clerk(name, json!({"user_prefix": prefix}));
        assert_eq!(pairs(&[bare("a")]), 0);
        assert_eq!(pairs(&[bare("a"), bare("b")]), 1);
        assert_eq!(pairs(&[bare("a"), prefixed("b", "b:")]), 0);
        assert_eq!(pairs(&[prefixed("a", "x:"), prefixed("b", "x:")]), 1);
        assert_eq!(pairs(&[prefixed("a", "x"), prefixed("b", "xy")]), 1);
        assert_eq!(pairs(&[bare("a"), bare("b"), bare("c")]), 3);
        let shared = |name| clerk(name, json!({"share_user_ids": true}));
        assert_eq!(pairs(&[shared("a"), shared("b")]), 0);
        assert_eq!(pairs(&[shared("a"), bare("b")]), 1);
    }

    #[test]
    fn an_id_without_prefix_must_not_pass_for_a_prefixed_one() {
        let settings = [clerk("a", json!({})), clerk("b", json!({"user_prefix": "b:"}))];
        let timing = Timing {
            max_age: Duration::ZERO,
            cooldown: Duration::ZERO,
            keep: Duration::ZERO,
        };
        let providers = Provider::all(&settings, timing, &Arc::default()).unwrap();
        assert!(providers[0].trespasses("b:ada"));
        assert!(!providers[0].trespasses("ada"));
        assert!(!providers[1].trespasses("b:ada"));
    }
}
