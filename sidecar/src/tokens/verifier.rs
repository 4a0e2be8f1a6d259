use std::sync::Arc;

use insforge_protocol::jwt::{Token, TokenError, Verified, verify_with_keys};

use super::provider::Provider;
use super::refused::Refused;
use crate::clock::Clock;

/// Says whose a token is, by the keys of the configured providers.
pub struct Verifier {
    /// Whose tokens are taken.
    pub providers: Vec<Arc<Provider>>,
    /// Judges times.
    pub clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Verifies a token by each provider it may be from; the provider that vouches, and what it says.
    ///
    /// # Errors
    /// What the first of them found wrong.
    pub async fn verify(&self, token: &Token<'_>) -> Result<(Arc<Provider>, Verified), Refused> {
        let mut refused = None;
        for provider in self.candidates(token) {
            match self.verify_by(provider, token).await {
                Ok(verified) => return Ok((provider.clone(), verified)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or(Refused::UnknownIssuer))
    }

    /// The providers that a token may be from. Its issuer is unverified, and only looked up here.
    pub fn candidates<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a Arc<Provider>> {
        let named = |provider: &&Arc<Provider>| {
            provider
                .settings
                .profile
                .accepts_issuer(token.unverified_issuer())
        };
        self.providers.iter().filter(named)
    }

    async fn verify_by(&self, provider: &Provider, token: &Token<'_>) -> Result<Verified, Refused> {
        if provider.is_insforge() {
            return Err(Refused::InsforgeToken);
        }
        let verified = match self.judge(provider, token) {
            // The key may be newer than our set.
            Err(Refused::Token(TokenError::UnknownKid)) => {
                provider.keys.refresh_for_unknown_kid().await;
                self.judge(provider, token)
            }
            judged => judged,
        }?;
        if provider.trespasses(&verified.identity.user_id) {
            return Err(Refused::ReservedUserId);
        }
        Ok(verified)
    }

    fn judge(&self, provider: &Provider, token: &Token<'_>) -> Result<Verified, Refused> {
        let keys = provider.keys.current().ok_or(Refused::KeysUnavailable)?;
        Ok(verify_with_keys(
            token,
            &provider.settings.profile,
            &keys,
            self.now(),
        )?)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.clock.unix_ms() / 1000).unwrap_or(i64::MAX)
    }
}
