use std::net::SocketAddr;
use std::time::Duration;

use insforge_protocol::jwt::Secret;
use serde_json::Value;

use super::fault::{Fault, Faults};
use super::parse::{self, Bad, bad};
use super::raw::Raw;
use super::settings::Reader;
use super::table::*;
use crate::tokens::{Collision, Network, Origins, ProviderSettings, Timing, TrustedProxies, collisions};

/// `[tokens]`
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// Whose tokens are exchanged.
    pub providers: Vec<ProviderSettings>,
    /// Signs minted tokens. `None` only where none are minted.
    pub secret: Option<Secret>,
    /// Where `POST /token` is served; `None` is off.
    pub listen: Option<SocketAddr>,
    /// Whose pages may call it.
    pub origins: Origins,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// Longest life of a minted token, in seconds.
    pub ttl_s: u32,
    /// How long a membership counts after the token that last showed it.
    pub membership_ttl: Duration,
    /// How old keys may get.
    pub timing: Timing,
    /// Requests a minute from one address; 0 is no limit.
    pub per_address: u32,
    /// Exchanges a minute of one user; 0 is no limit.
    pub per_subject: u32,
}

impl TokenSettings {
    /// The exchange's settings alone, for looking at tokens where nothing else is configured; `None`
    /// without providers.
    ///
    /// # Errors
    /// Every fault there is among them.
    pub fn from_raw(raw: &Raw) -> Result<Option<TokenSettings>, Faults> {
        let mut reader = Reader {
            raw,
            faults: Vec::new(),
        };
        let settings = reader.tokens();
        if reader.faults.is_empty() {
            Ok(settings)
        } else {
            Err(Faults(reader.faults))
        }
    }
}

const SECS: fn(u64) -> Duration = Duration::from_secs;
const DAY: u64 = 86_400;

impl Reader<'_> {
    /// `None` where no provider is configured: the exchange is off then.
    pub(super) fn tokens(&mut self) -> Option<TokenSettings> {
        let providers = self.providers();
        let ttl = self.read(&TOKENS_TTL, |v| parse::duration(v, SECS(10)..=SECS(3600)));
        let settings = TokenSettings {
            providers,
            secret: None,
            listen: self.read(&TOKENS_LISTEN, parse::listener),
            origins: self.read(&TOKENS_ORIGINS, origins),
            proxies: self.read(&TOKENS_TRUSTED_PROXIES, proxies),
            ttl_s: u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
            membership_ttl: self.read(&TOKENS_MEMBERSHIP_TTL, |v| {
                parse::duration(v, SECS(60)..=SECS(400 * DAY))
            }),
            timing: Timing {
                max_age: self.read(&TOKENS_KEYS_MAX_AGE, |v| parse::duration(v, SECS(1)..=SECS(DAY))),
                cooldown: self.read(&TOKENS_KEYS_COOLDOWN, |v| parse::duration(v, SECS(1)..=SECS(600))),
                keep: self.read(&TOKENS_KEYS_KEEP, |v| {
                    parse::duration(v, SECS(60)..=SECS(30 * DAY))
                }),
            },
            per_address: self.read(&TOKENS_PER_ADDRESS, rate),
            per_subject: self.read(&TOKENS_PER_SUBJECT, rate),
        };
        if settings.providers.is_empty() {
            return None;
        }
        Some(TokenSettings {
            secret: self.optional(&JWT_SECRET, secret),
            ..settings
        })
    }

    /// Without the secret nothing can be minted.
    pub(super) fn require_secret(&mut self, tokens: Option<&TokenSettings>) {
        if tokens.is_some_and(|tokens| tokens.secret.is_none()) && self.raw.get(&JWT_SECRET).is_none() {
            let remedy = "give the sidecar the JWT_SECRET of InsForge, in the environment or in a file (INSFORGE_JWT_SECRET_FILE)";
            self.fault(
                &JWT_SECRET,
                "is not set, but providers are configured".to_owned(),
                remedy.to_owned(),
            );
        }
    }

    fn providers(&mut self) -> Vec<ProviderSettings> {
        let Some(given) = self.raw.get(&TOKENS_PROVIDERS) else {
            return Vec::new();
        };
        let Ok(Value::Object(tables)) = serde_json::from_str(&given.value) else {
            let remedy = "write tables [tokens.providers.NAME], or {\"NAME\": {\"preset\": \"clerk\", …}} in the environment";
            self.fault(
                &TOKENS_PROVIDERS,
                "is not a JSON object of providers".to_owned(),
                remedy.to_owned(),
            );
            return Vec::new();
        };
        let mut providers = Vec::new();
        for (name, settings) in &tables {
            match ProviderSettings::read(name, settings) {
                Ok(provider) => providers.push(provider),
                Err(error) => {
                    let remedy = "see docs/providers for what a provider may hold";
                    self.fault(&TOKENS_PROVIDERS, error.to_string(), remedy.to_owned());
                }
            }
        }
        self.faults
            .extend(collisions(&providers).into_iter().map(collision));
        providers
    }
}

fn collision(found: Collision) -> Fault {
    let Collision { one, other } = found;
    Fault {
        setting: TOKENS_PROVIDERS.name(),
        fault: format!("{one} and {other} could give two people the same user id"),
        remedy: format!(
            "give one of them a user_prefix, such as user_prefix = \"{other}:\", or set share_user_ids = true in both if the same id means the same person"
        ),
    }
}

fn secret(given: &str) -> Result<Secret, Bad> {
    Secret::new(given).or_else(|error| {
        bad(
            error.to_string(),
            "set it in InsForge as well; tokens signed with the old one end",
        )
    })
}

fn origins(given: &str) -> Result<Origins, Bad> {
    let origins = given
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty());
    Origins::new(origins).or_else(|_| {
        bad(
            "has an entry that is not an origin",
            "write https://app.acme.example, without a path; there is no wildcard",
        )
    })
}

fn proxies(given: &str) -> Result<TrustedProxies, Bad> {
    let networks = given
        .split(',')
        .map(str::trim)
        .filter(|network| !network.is_empty());
    match networks.map(str::parse).collect::<Result<Vec<Network>, ()>>() {
        Ok(networks) => Ok(TrustedProxies(networks)),
        Err(()) => bad(
            "has an entry that is not an address or a network",
            "write addresses and networks such as 10.0.0.0/8",
        ),
    }
}

fn rate(given: &str) -> Result<u32, Bad> {
    parse::whole(given, 0..=1_000_000).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX))
}
