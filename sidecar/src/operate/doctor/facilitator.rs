use std::sync::Arc;

use insforge_protocol::okx::{Class, Kind};
use insforge_protocol::x402::{Network, Scheme};

use super::{Finding, clock};
use crate::clock::SystemClock;
use crate::config::{FacilitatorMode, FacilitatorSettings};
use crate::facilitator::Okx;

/// Asks OKX what it settles: shows at once whether it can be reached, takes the key, and settles what waits.
/// `wanted` are networks and schemes of payments.
pub(super) async fn examine(
    settings: &FacilitatorSettings,
    wanted: &[(String, String)],
    findings: &mut Vec<Finding>,
) {
    let FacilitatorMode::Okx(okx) = &settings.mode else {
        let remedy = "unset MOCK_OKX_FACILITATOR when payments are to be real";
        findings.push(Finding::warning(
            "facilitator",
            "mock mode: nothing is settled",
            remedy,
        ));
        return;
    };
    let place = okx.base_url.clone();
    let client = match Okx::new(okx.clone(), Arc::new(SystemClock)) {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::fault(
                "facilitator",
                error.to_string(),
                "see the system's certificates",
            ));
            return;
        }
    };
    let (supported, offset_ms) = client.checkup().await;
    if let Some(offset_ms) = offset_ms {
        findings.push(clock::judge("OKX", offset_ms, false));
    }
    match supported {
        Ok(kinds) => {
            findings.push(Finding::ok("facilitator", format!("{place} takes the key")));
            findings.extend(unsupported(&kinds, wanted));
        }
        Err(none) if none.class == Class::Config => findings.push(Finding::fault(
            "facilitator",
            format!("{place} refuses us: {}", none.reason),
            "use key, secret and passphrase of one API key from the OKX Web3 developer portal; a key of the \
             exchange is refused with 50114",
        )),
        Err(none) => findings.push(Finding::fault(
            "facilitator",
            format!("{place} does not answer: {}", none.reason),
            "see that this machine may reach it over https, directly or by HTTPS_PROXY",
        )),
    }
}

/// What is sold or waits and would not be settled.
fn unsupported(kinds: &[Kind], wanted: &[(String, String)]) -> Vec<Finding> {
    let exact = (Network::X_LAYER.to_string(), Scheme::Exact.to_string());
    let mut wanted = wanted.to_vec();
    wanted.push(exact);
    wanted.sort();
    wanted.dedup();
    let judge = |(network, scheme): (String, String)| {
        let listed = kinds.iter().any(|kind| {
            network
                .parse()
                .is_ok_and(|network: Network| network == kind.network)
                && kind.scheme.to_string() == scheme
        });
        let about = format!("{scheme} on {network}");
        if listed {
            Finding::ok(about, "settled by the facilitator")
        } else {
            let remedy = "sell it no longer, or use a facilitator that settles it";
            Finding::fault(about, "not among what the facilitator settles", remedy)
        }
    };
    wanted.into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use insforge_protocol::x402::Version;

    #[test]
    fn what_waits_and_is_not_settled_by_the_facilitator_is_a_fault() {
        let kinds = [Kind {
            version: Version::V2,
            scheme: Scheme::Exact,
            network: Network::X_LAYER,
            extra: None,
        }];
        let levels = |wanted: &[(String, String)]| {
            unsupported(&kinds, wanted)
                .iter()
                .map(|finding| finding.level)
                .collect::<Vec<_>>()
        };
        assert_eq!(levels(&[]), [Level::Ok]);
        assert_eq!(
            levels(&[("xlayer".to_owned(), "exact".to_owned())]),
            [Level::Ok, Level::Ok]
        );
        let base = ("eip155:8453".to_owned(), "exact".to_owned());
        assert_eq!(levels(&[base]), [Level::Ok, Level::Fault]);
        assert_eq!(
            unsupported(&[], &[])[0].level,
            Level::Fault,
            "even with nothing waiting, payments on X Layer are what this is for"
        );
    }
}
