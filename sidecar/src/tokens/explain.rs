use std::fmt::Write;

use insforge_protocol::jwt::{Outcome, Token, explain_with_keys};

use super::verifier::Verifier;

/// What each check says about a token, a line each, for every provider it may be from. Shows neither the
/// token nor who its user is.
pub async fn explain(verifier: &Verifier, text: &str) -> String {
    let token = match Token::parse(text) {
        Ok(token) => token,
        Err(error) => return format!("not a token: {}: {error}\n", error.name()),
    };
    let mut shown = String::new();
    let issuer = token.unverified_issuer().unwrap_or("none");
    let mut is_known = false;
    for provider in verifier.candidates(&token) {
        is_known = true;
        // So that a key that has just been rotated in is among them.
        let _ = provider.keys.refresh().await;
        let settings = &provider.settings;
        let source = settings
            .source()
            .map_or_else(|error| error.to_string(), |source| source.describe());
        let _ = writeln!(
            shown,
            "provider {} ({}), keys from {source}",
            settings.name,
            settings.profile.preset().name()
        );
        let Some(keys) = provider.keys.current() else {
            let _ = writeln!(shown, "  there are no keys: they could not be fetched");
            continue;
        };
        for line in explain_with_keys(text, &settings.profile, &keys, verifier.now()) {
            let outcome = match line.outcome {
                Outcome::Passed => "ok".to_owned(),
                Outcome::Failed(error) => format!("FAILED {}", error.name()),
                Outcome::NotReached => "not reached".to_owned(),
            };
            let _ = writeln!(shown, "  {:<17} {outcome:<26} {}", line.check.name(), line.detail);
        }
    }
    if !is_known {
        let _ = writeln!(
            shown,
            "no configured provider has the issuer {issuer:?}; configured:"
        );
        for provider in &verifier.providers {
            let settings = &provider.settings;
            let _ = writeln!(shown, "  {}: {:?}", settings.name, settings.profile.spec().iss);
        }
    }
    shown
}
