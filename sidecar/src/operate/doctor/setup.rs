use super::{Finding, chain, database, facilitator, keys};
use crate::config::{self, DatabaseSettings, Raw, Settings};

/// Looks at everything that can be looked at: a fault in one place does not hide those in others.
pub async fn examine(raw: &Raw) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = configuration(raw, &mut findings);
    let target = match &settings {
        Some(settings) => Some(settings.database.clone()),
        // The rest of the configuration may be at fault; the database can still be looked at.
        None => DatabaseSettings::from_raw(raw).ok(),
    };
    let settler = settings.as_ref().map(|settings| &settings.settler);
    let checkup = match target {
        Some(target) => database::examine(&target, settler, &mut findings).await,
        None => None,
    };
    let Some(settings) = settings else { return findings };
    let (mut waiting, mut vouched) = (Vec::new(), Vec::new());
    if let Some(checkup) = &checkup {
        waiting = checkup.waiting_kinds().await.unwrap_or_default();
        vouched = checkup.vouched().await.unwrap_or_default();
    }
    if settings.settler.enabled {
        facilitator::examine(&settings.facilitator, &waiting, &mut findings).await;
        chain::examine(&settings.chain, &vouched, &mut findings).await;
    }
    if let Some(tokens) = &settings.tokens {
        keys::examine(tokens, &mut findings).await;
    }
    findings
}

/// What `config check` says, and what it would say in production.
fn configuration(raw: &Raw, findings: &mut Vec<Finding>) -> Option<Settings> {
    let about = "configuration";
    for warning in &raw.warnings {
        findings.push(Finding::warning(about, warning.clone(), "correct or remove it"));
    }
    match Settings::from_raw(raw) {
        Ok(settings) => {
            let warnings = settings.warnings();
            let would_fail = config::production_faults(&settings);
            if warnings.is_empty() && would_fail.is_empty() {
                findings.push(Finding::ok(about, "valid, also in production"));
            }
            for warning in warnings {
                findings.push(Finding::warning(about, warning, "see docs/configuration.md"));
            }
            for fault in would_fail {
                let found = format!("{} {}; production would refuse it", fault.setting, fault.fault);
                findings.push(Finding::warning(about, found, fault.remedy));
            }
            Some(settings)
        }
        Err(faults) => {
            for fault in faults.0 {
                findings.push(Finding::fault(
                    about,
                    format!("{} {}", fault.setting, fault.fault),
                    fault.remedy,
                ));
            }
            None
        }
    }
}
