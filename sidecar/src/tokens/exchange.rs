use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use insforge_protocol::jwt::{Lifetime, MintError, Minted, Secret, Token, TokenError, Verified, mint};
use tracing::{debug, warn};

use super::answer::Granted;
use super::limit::RateLimit;
use super::provider::Provider;
use super::records::Records;
use super::refused::Refused;
use super::registrar::{Exchanged, Recorded};
use super::verifier::Verifier;
use crate::metrics::Metrics;

/// How often anybody may ask.
#[derive(Default)]
pub struct Limits {
    /// Requests from one address, whatever they hold.
    pub per_address: Option<RateLimit<IpAddr>>,
    /// Good tokens of one user, by issuer and subject.
    pub per_subject: Option<RateLimit<(String, String)>>,
}

/// Trades providers' tokens for InsForge tokens.
pub struct Exchange {
    /// Whose tokens are taken, and whether they are good.
    pub verifier: Verifier,
    /// What the minted tokens are signed with.
    pub secret: Secret,
    /// Longest life of a minted token, in seconds.
    pub ttl_s: u32,
    /// How often anybody may ask.
    pub limits: Limits,
    /// Records what tokens show.
    pub records: Records,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl Exchange {
    /// Exchanges one token. What it shows is in the database when this returns.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn exchange(&self, token: &str, client: Option<IpAddr>) -> Result<Granted, Refused> {
        let begun = Instant::now();
        let granted = self.decide(token, client).await;
        self.metrics
            .exchange_seconds
            .observe(begun.elapsed().as_secs_f64());
        self.metrics
            .token_exchange(granted.as_ref().map_or_else(Refused::name, |_| "granted"));
        if let Err(refused) = &granted {
            debug!(reason = refused.name(), "a token was not exchanged");
        }
        granted
    }

    async fn decide(&self, text: &str, client: Option<IpAddr>) -> Result<Granted, Refused> {
        if let (Some(limit), Some(client)) = (&self.limits.per_address, client) {
            limit.admit(client).map_err(Refused::AddressLimited)?;
        }
        let token = Token::parse(text)?;
        let (provider, verified) = self.verifier.verify(&token).await?;
        if let Some(limit) = &self.limits.per_subject {
            let caller = (provider.settings.name.clone(), verified.subject.clone());
            limit.admit(caller).map_err(Refused::SubjectLimited)?;
        }
        // Before it is recorded: what cannot be answered should change nothing.
        let minted = self.mint(&provider, &verified)?;
        let recorded = self
            .records
            .record(Exchanged::of(&provider.settings.name, &verified))
            .await;
        match recorded {
            Ok(Recorded::Recorded) => Ok(Granted {
                expires_in: minted.expires_at - self.verifier.now(),
                minted,
            }),
            Ok(Recorded::Revoked) => Err(Refused::Revoked),
            Ok(Recorded::Disabled) => Err(Refused::Disabled),
            Err(error) => {
                warn!(%error, provider = provider.settings.name, "an exchange cannot be recorded");
                Err(Refused::Unavailable)
            }
        }
    }

    fn mint(&self, provider: &Provider, verified: &Verified) -> Result<Minted, Refused> {
        let lifetime = Lifetime {
            ttl_s: self.ttl_s,
            provider_exp: verified.expires_at,
            session_cap_s: provider.settings.session_cap_s,
        };
        mint(&verified.identity, lifetime, self.verifier.now(), &self.secret).map_err(|error| match error {
            MintError::NoTimeLeft => Refused::NoTimeLeft,
            MintError::BadSubject => Refused::Token(TokenError::BadSub),
            MintError::Signing => Refused::Signing,
        })
    }
}

#[cfg(test)]
mod tests;
