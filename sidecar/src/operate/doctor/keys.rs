use super::Finding;
use crate::config::TokenSettings;
use crate::tokens::{Fetch, HttpFetch, ProviderSettings};

/// Fetches the keys of each provider whose tokens are exchanged.
pub(super) async fn examine(settings: &TokenSettings, findings: &mut Vec<Finding>) {
    for provider in &settings.providers {
        let about = format!("keys of provider {}", provider.name);
        findings.push(match fetch(provider).await {
            Ok(found) => Finding::ok(about, found),
            Err(why) => Finding::fault(
                about,
                why,
                "see that this machine may reach the provider, and that issuer and key set address are spelled as \
                 its discovery document spells them, slashes at the end included",
            ),
        });
    }
}

async fn fetch(provider: &ProviderSettings) -> Result<String, String> {
    let source = provider.source().map_err(|error| error.to_string())?;
    let place = source.describe();
    let fetcher = HttpFetch::new(source).map_err(|error| error.to_string())?;
    match fetcher.fetch().await {
        Ok(_) => Ok(format!("fetched from {place}")),
        Err(error) => Err(format!("{place}: {error}")),
    }
}
