use insforge_protocol::jwt::SkipReason;

use super::Finding;
use crate::config::TokenSettings;
use crate::tokens::{Fetch, HttpFetch, ProviderSettings};

/// Fetches the keys of each provider whose tokens are exchanged, and compares how it spells itself.
pub(super) async fn examine(settings: &TokenSettings, findings: &mut Vec<Finding>) {
    for provider in &settings.providers {
        keys(provider, findings).await;
        issuer(provider, findings).await;
    }
    if settings.listen.is_some() && settings.origins.is_empty() {
        findings.push(Finding::warning(
            "token exchange",
            "no page may call it: tokens.allowed_origins is empty",
            "list the origins of your front end, such as https://app.acme.example; none is needed for servers",
        ));
    }
}

async fn keys(provider: &ProviderSettings, findings: &mut Vec<Finding>) {
    let about = format!("keys of provider {}", provider.name);
    match fetch(provider).await {
        Ok((found, unusable)) => {
            findings.push(Finding::ok(about.clone(), found));
            findings.extend(unusable.into_iter().map(|why| {
                Finding::warning(about.clone(), why, "tokens signed with it are refused; other keys are not affected")
            }));
        }
        Err(why) => findings.push(Finding::fault(
            about,
            why,
            "see that this machine may reach the provider, and that issuer and key set address are spelled as \
             its discovery document spells them, slashes at the end included",
        )),
    }
}

async fn fetch(provider: &ProviderSettings) -> Result<(String, Vec<String>), String> {
    let source = provider.source().map_err(|error| error.to_string())?;
    let place = source.describe();
    let fetcher = HttpFetch::new(source).map_err(|error| error.to_string())?;
    let fetched = fetcher
        .fetch()
        .await
        .map_err(|error| format!("{place}: {error}"))?;
    // Keys for encryption stand beside the others in many sets.
    let skipped = fetched
        .set
        .skipped()
        .iter()
        .filter(|key| key.reason != SkipReason::NotForVerifying);
    let unusable = skipped.map(|key| {
        format!(
            "key {} cannot be used: {}",
            key.kid.as_deref().unwrap_or("without a name"),
            key.reason
        )
    });
    let found = format!("{} fetched from {place}", fetched.set.keys().len());
    Ok((found, unusable.collect()))
}

/// The slash at the end is the most common mistake. Issuers without a discovery document are passed over.
async fn issuer(provider: &ProviderSettings, findings: &mut Vec<Finding>) {
    let accepted = &provider.profile.spec().iss;
    for own in accepted {
        let Ok(fetcher) = provider
            .source()
            .map_err(drop)
            .and_then(|source| HttpFetch::new(source).map_err(drop))
        else {
            return;
        };
        let Ok(published) = fetcher.published_issuer(own).await else {
            continue;
        };
        if !accepted.contains(&published) {
            findings.push(Finding::fault(
                format!("issuer of provider {}", provider.name),
                format!("configured as {own:?}, but it calls itself {published:?}, and so do its tokens"),
                "write iss exactly as the provider does; a slash at the end counts",
            ));
        }
    }
}
