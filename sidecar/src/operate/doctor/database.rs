use std::time::Duration;

use super::{Finding, clock};
use crate::config::{DatabaseSettings, SettlerSettings};
use crate::db::{Checkup, DbError, Facts};

/// How long a notification may take.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// Oldest Postgres that the extension runs in.
const OLDEST: i32 = 150_000;
/// Connections of a sidecar besides those for work: heartbeat, doorbell, changes of payments.
const OTHER_CONNECTIONS: usize = 3;

/// Looks at the database; returns a connection for further questions, if there is one.
pub(super) async fn examine(
    settings: &DatabaseSettings,
    settler: Option<&SettlerSettings>,
    findings: &mut Vec<Finding>,
) -> Option<Checkup> {
    let whom = settings.target.summary();
    let checkup = match Checkup::open(settings).await {
        Ok(Ok(checkup)) => checkup,
        Ok(Err(error)) => {
            let remedy = "see that the server runs and takes this user's connections (pg_hba.conf), and writes: \
                          of several hosts one must be the primary";
            findings.push(Finding::fault("database", format!("{whom}: {error}"), remedy));
            return None;
        }
        Err(error) => {
            findings.push(Finding::fault(
                "database",
                error.to_string(),
                "correct sslrootcert",
            ));
            return None;
        }
    };
    findings.push(Finding::ok("database", format!("reached as {whom}")));
    match checkup.facts().await {
        Ok(facts) => judge(&facts, settings.pool_size, findings),
        Err(error) => findings.push(Finding::fault("database", error.to_string(), "see its log")),
    }
    findings.push(heard(checkup.is_heard(HEARD_WITHIN).await, settler));
    if let Ok(offset_ms) = checkup.clock_offset_ms().await {
        findings.push(clock::judge("the database", offset_ms, true));
    }
    Some(checkup)
}

fn judge(facts: &Facts, pool_size: usize, findings: &mut Vec<Finding>) {
    let version = format!("Postgres {}.{}", facts.version / 10_000, facts.version % 10_000);
    findings.push(if facts.version < OLDEST {
        Finding::fault("server", version, "upgrade to Postgres 15 or newer")
    } else {
        Finding::ok("server", version)
    });
    findings.push(extension(facts));
    if facts.installed.is_some() {
        findings.push(privileges(facts));
    }
    findings.push(role(facts));
    let wanted = i32::try_from(pool_size + OTHER_CONNECTIONS).unwrap_or(i32::MAX);
    if facts.free < wanted {
        let found = format!("{} are free on the server, a sidecar takes {wanted}", facts.free);
        let remedy = "raise max_connections, or lower database.pool_size";
        findings.push(Finding::warning("connections", found, remedy));
    }
}

fn extension(facts: &Facts) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let about = "extension";
    match (&facts.installed, &facts.available) {
        (Some(installed), _) if installed == ours => Finding::ok(about, format!("version {installed}")),
        (Some(installed), _) => Finding::warning(
            about,
            format!("version {installed}, and the sidecar is of {ours}"),
            "install the extension's package of the sidecar's release, then ALTER EXTENSION insforge_integrations \
             UPDATE; first the extension, then the sidecars",
        ),
        (None, Some(_)) => Finding::fault(
            about,
            "not installed in this database",
            "run CREATE EXTENSION insforge_integrations as a superuser, or name the right database in DATABASE_URL",
        ),
        (None, None) => Finding::fault(
            about,
            "not known to this server",
            "install the extension's package on the database's machine, then CREATE EXTENSION insforge_integrations",
        ),
    }
}

fn privileges(facts: &Facts) -> Finding {
    let about = "privileges";
    if !facts.forbidden.is_empty() {
        let found = format!("{} may not use {}", facts.role, facts.forbidden.join(", "));
        let remedy = format!(
            "run SELECT insforge.grant_sidecar('{}') as the extension's owner",
            facts.role
        );
        Finding::fault(about, found, remedy)
    } else if !facts.missing.is_empty() {
        let found = format!("the extension has no {}", facts.missing.join(", "));
        Finding::warning(about, found, "update the extension, and grant again")
    } else {
        Finding::ok(about, "what the sidecar needs is granted")
    }
}

/// Whoever can do more than it needs is worth more to steal.
fn role(facts: &Facts) -> Finding {
    let remedy = "CREATE ROLE sidecar LOGIN; SELECT insforge.grant_sidecar('sidecar'); and log in as that";
    let is = |what: &str| Finding::warning("role", format!("{} {what}", facts.role), remedy);
    if facts.superuser {
        is("is a superuser")
    } else if facts.owner {
        is("may act as the extension's owner and write its tables directly")
    } else if facts.powerful {
        is("may pass by row-level security, or make roles or databases")
    } else {
        Finding::ok("role", format!("{} has no more than it needs", facts.role))
    }
}

fn heard(heard: Result<(), DbError>, settler: Option<&SettlerSettings>) -> Finding {
    let about = "listener";
    match heard {
        Ok(()) => Finding::ok(about, "a notification arrives"),
        Err(error) => {
            let poll = settler.map(|settler| settler.poll_without_listener);
            let poll = poll.map_or(String::new(), |poll| {
                format!("; payments are found by polling every {poll:?}")
            });
            Finding::fault(
                about,
                format!("a notification does not arrive ({error}){poll}"),
                "connect to Postgres itself: a pooler in transaction mode breaks LISTEN without an error",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: 150_008,
            installed: Some(env!("CARGO_PKG_VERSION").to_owned()),
            available: Some(env!("CARGO_PKG_VERSION").to_owned()),
            role: "sidecar".to_owned(),
            superuser: false,
            powerful: false,
            owner: false,
            missing: Vec::new(),
            forbidden: Vec::new(),
            free: 90,
        }
    }

    fn judged(facts: &Facts) -> Vec<Finding> {
        let mut findings = Vec::new();
        judge(facts, 4, &mut findings);
        findings
    }

    fn worst(facts: &Facts) -> (Level, String) {
        let findings = judged(facts);
        let worst = findings.iter().max_by_key(|finding| finding.level).unwrap();
        (worst.level, worst.about.clone())
    }

    #[test]
    fn a_database_set_up_by_the_book_is_all_green() {
        assert!(judged(&facts()).iter().all(|finding| finding.level == Level::Ok));
    }

    #[test]
    fn each_deviation_is_found_under_its_name() {
        let fault = |name: &str| (Level::Fault, name.to_owned());
        let warning = |name: &str| (Level::Warning, name.to_owned());
        assert_eq!(
            worst(&Facts {
                version: 140_012,
                ..facts()
            }),
            fault("server")
        );
        assert_eq!(
            worst(&Facts {
                installed: None,
                ..facts()
            }),
            fault("extension")
        );
        let old = Some("0.0.1".to_owned());
        assert_eq!(
            worst(&Facts {
                installed: old,
                ..facts()
            }),
            warning("extension")
        );
        let forbidden = vec!["x402.claim".to_owned()];
        assert_eq!(worst(&Facts { forbidden, ..facts() }), fault("privileges"));
        let missing = vec!["x402.take_tokens".to_owned()];
        assert_eq!(worst(&Facts { missing, ..facts() }), warning("privileges"));
        assert_eq!(
            worst(&Facts {
                superuser: true,
                ..facts()
            }),
            warning("role")
        );
        assert_eq!(
            worst(&Facts {
                owner: true,
                ..facts()
            }),
            warning("role")
        );
        assert_eq!(
            worst(&Facts {
                powerful: true,
                ..facts()
            }),
            warning("role")
        );
        assert_eq!(worst(&Facts { free: 2, ..facts() }), warning("connections"));
    }
}
