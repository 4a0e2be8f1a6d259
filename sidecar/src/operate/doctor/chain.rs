use insforge_protocol::asset::{ASSETS, Standing, VouchedDomain, true_domain};
use insforge_protocol::evm::{self, Address};
use insforge_protocol::x402::Network;
use serde_json::Value;

use super::Finding;
use crate::chain::{Chain, ChainSettings, Endpoint, RpcError};

/// Asks each endpoint which chain it serves, and whether tokens have the domains that payments are judged by.
pub(super) async fn examine(settings: &ChainSettings, vouched: &[Value], findings: &mut Vec<Finding>) {
    if settings.endpoints.expose().is_empty() {
        findings.push(Finding::warning(
            "chain",
            "no endpoint: unknown outcomes are closed by OKX's word only, and some stay open",
            "set XLAYER_RPC_URLS, to endpoints of two operators",
        ));
        return;
    }
    let chain = match Chain::new(Network::X_LAYER, settings.clone()) {
        Ok(chain) => chain,
        Err(error) => {
            findings.push(Finding::fault(
                "chain",
                error.to_string(),
                "see the system's certificates",
            ));
            return;
        }
    };
    if chain.endpoints().len() < 2 {
        let found = "one endpoint: it is believed when it says that a payment never arrived";
        findings.push(Finding::warning(
            "chain",
            found,
            "add an endpoint of another operator to XLAYER_RPC_URLS",
        ));
    }
    let vouched: Vec<VouchedDomain> = vouched.iter().filter_map(domain).collect();
    let mut answered = false;
    for endpoint in chain.endpoints() {
        match endpoint.check().await {
            Ok(()) => {
                findings.push(Finding::ok(about(endpoint), "serves X Layer (196)"));
                if !std::mem::replace(&mut answered, true) {
                    tokens(endpoint, &vouched, findings).await;
                }
            }
            Err(error) => findings.push(failed(endpoint, &error)),
        }
    }
}

fn about(endpoint: &Endpoint) -> String {
    format!("endpoint {}", endpoint.label())
}

fn failed(endpoint: &Endpoint, error: &RpcError) -> Finding {
    let remedy = match error {
        RpcError::WrongChain { .. } => "name an endpoint of X Layer mainnet; nothing of this one is believed",
        _ => "see that this machine may reach it, and that the provider's key is right",
    };
    Finding::fault(about(endpoint), error.to_string(), remedy)
}

async fn tokens(endpoint: &Endpoint, vouched: &[VouchedDomain], findings: &mut Vec<Finding>) {
    let network = Network::X_LAYER;
    let known = ASSETS
        .iter()
        .filter(|asset| asset.network == network && asset.standing == Standing::Onchain);
    let mut tokens: Vec<(Address, String)> = known
        .map(|asset| (asset.address, asset.symbol.to_owned()))
        .collect();
    let more = vouched.iter().filter(|domain| domain.network == network);
    tokens.extend(more.map(|domain| (domain.asset, domain.name.clone())));
    for (token, symbol) in tokens {
        let Ok(domain) = true_domain(network, token, vouched) else {
            continue;
        };
        let about = format!("domain of {symbol} ({token:#x})");
        findings.push(match endpoint.domain_separator(token).await {
            Ok(separator) if separator == domain.separator() => Finding::ok(about, "as the chain says"),
            Ok(_) => Finding::fault(
                about,
                format!(
                    "DOMAIN_SEPARATOR() is not that of {:?} version {:?}",
                    domain.name, domain.version
                ),
                "take no payments in this token; correct its row in x402.vouched_assets if there is one",
            ),
            Err(error) => Finding::warning(about, error.to_string(), "look again later"),
        });
    }
}

fn domain(row: &Value) -> Option<VouchedDomain> {
    Some(VouchedDomain {
        network: row["network"].as_str()?.parse().ok()?,
        asset: evm::address(row["asset"].as_str()?)?,
        name: row["name"].as_str()?.to_owned(),
        version: row["version"].as_str()?.to_owned(),
    })
}
