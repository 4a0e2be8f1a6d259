use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;
use insforge_protocol::evm::{self, Address};
use insforge_protocol::x402::{Network, Price};

use super::fault::Fault;
use super::parse::{self, Bad, bad};
use super::routes::{self, RouteSettings};
use super::settings::{Environment, Reader};
use super::table::*;
use crate::secret::Secret;
use crate::selling::facilitator_api::Prices;

/// `[facilitator]` and `[gateway]`.
#[derive(Debug, Clone, Default)]
pub struct SellingSettings {
    /// The facilitator API; `None` is off.
    pub facilitator: Option<FacilitatorApiSettings>,
    /// The gateway; `None` is off.
    pub gateway: Option<GatewaySettings>,
}

/// `[facilitator]`: the sidecar as a facilitator for x402 middlewares.
#[derive(Debug, Clone)]
pub struct FacilitatorApiSettings {
    /// Where it is served.
    pub listen: SocketAddr,
    /// Who may ask; `None`: programs on this machine.
    pub token: Option<Secret<String>>,
    /// Who may be paid.
    pub payees: Vec<Address>,
    /// What may be paid with: a chain, and a symbol or contract on it.
    pub assets: Vec<(Network, String)>,
    /// The prices that are settled for.
    pub prices: Prices,
    /// How long `/settle` waits for the outcome.
    pub wait: Duration,
    /// How long a payment verifies again after its success was told.
    pub replay: Duration,
    /// Whether `/verify` asks OKX about every payment.
    pub verify_remote: bool,
    /// Connections at once.
    pub connections: usize,
    /// Time for a request's head, and again for its body.
    pub head_timeout: Duration,
}

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Where it is served.
    pub listen: SocketAddr,
    /// Scheme and host that buyers use; `None`: what a request's `Host` says.
    pub public_url: Option<String>,
    /// Origin whose pages may buy, or `*`.
    pub allow_origin: Option<HeaderValue>,
    /// Connections at once.
    pub connections: usize,
    /// Time for a request's head.
    pub head_timeout: Duration,
    /// Time for a client to take the next piece of an answer.
    pub write_timeout: Duration,
    /// What is served.
    pub routes: Vec<RouteSettings>,
}

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

impl Reader<'_> {
    pub(super) fn selling(&mut self, recipient: Option<&str>) -> SellingSettings {
        SellingSettings {
            facilitator: self.facilitator_api(recipient),
            gateway: self.gateway(),
        }
    }

    fn facilitator_api(&mut self, recipient: Option<&str>) -> Option<FacilitatorApiSettings> {
        let listen = self.read(&FACILITATOR_LISTEN, parse::listener)?;
        let mut payees = self.read(&FACILITATOR_PAYEES, addresses);
        payees.extend(recipient.filter(|_| payees.is_empty()).and_then(evm::address));
        if payees.is_empty() {
            let remedy = format!("name who may be paid, or set {}", PAYMENT_RECIPIENT.name());
            self.fault(&FACILITATOR_PAYEES, "is not set".to_owned(), remedy);
        }
        let prices = self.optional(&FACILITATOR_PRICES, prices);
        if prices.is_none() && self.raw.get(&FACILITATOR_PRICES).is_none() {
            let remedy = "list your prices in tokens, such as 0.01,0.5; or write any, if the middleware compares \
                          the buyer's copy of the offer with its own";
            self.fault(&FACILITATOR_PRICES, "is not set".to_owned(), remedy.to_owned());
        }
        Some(FacilitatorApiSettings {
            listen,
            token: self.optional(&FACILITATOR_TOKEN, parse::text).map(Secret::new),
            payees,
            assets: self.read(&FACILITATOR_ASSETS, assets),
            prices: prices.unwrap_or(Prices::Listed(Vec::new())),
            wait: self.read(&FACILITATOR_WAIT, |v| parse::duration(v, MS(10)..=SECS(120))),
            replay: self.read(&FACILITATOR_REPLAY, |v| parse::duration(v, MS(0)..=SECS(3600))),
            verify_remote: self.read(&FACILITATOR_VERIFY_REMOTE, parse::switch),
            connections: self.read(&FACILITATOR_CONNECTIONS, |v| parse::whole(v, 1..=100_000)),
            head_timeout: self.read(&FACILITATOR_HEAD_TIMEOUT, |v| {
                parse::duration(v, MS(100)..=SECS(120))
            }),
        })
    }

    fn gateway(&mut self) -> Option<GatewaySettings> {
        let listen = self.read(&GATEWAY_LISTEN, parse::listener);
        let routes = self.routes();
        let listen = match listen {
            Some(listen) => listen,
            None if routes.is_empty() => return None,
            None => {
                let fault = "is off, and there are routes".to_owned();
                self.fault(
                    &GATEWAY_LISTEN,
                    fault,
                    "name an address such as 127.0.0.1:8402".to_owned(),
                );
                return None;
            }
        };
        if routes.is_empty() && self.faults.is_empty() {
            let fault = "there is no route".to_owned();
            self.fault(
                &GATEWAY_ROUTES,
                fault,
                "write [[gateway.route]] with path, upstream and price".to_owned(),
            );
        }
        Some(GatewaySettings {
            listen,
            public_url: self.optional(&GATEWAY_PUBLIC_URL, parse::base_url),
            allow_origin: self.optional(&GATEWAY_ALLOW_ORIGIN, origin),
            connections: self.read(&GATEWAY_CONNECTIONS, |v| parse::whole(v, 1..=100_000)),
            head_timeout: self.read(&GATEWAY_HEAD_TIMEOUT, |v| parse::duration(v, MS(100)..=SECS(120))),
            write_timeout: self.read(&GATEWAY_WRITE_TIMEOUT, |v| {
                parse::duration(v, MS(100)..=SECS(600))
            }),
            routes,
        })
    }

    fn routes(&mut self) -> Vec<RouteSettings> {
        let json = self.optional(&GATEWAY_ROUTES, |v| match serde_json::from_str(v) {
            Ok(serde_json::Value::Array(routes)) => Ok(routes),
            _ => bad(
                "is not a list of routes",
                "write [[gateway.route]] in the file, or a JSON array of objects",
            ),
        });
        routes::read(&json.unwrap_or_default(), &mut self.faults)
    }
}

/// What is refused where real money moves. TLS is a proxy's work, and it runs on the same machine.
pub(super) fn production_faults(environment: Environment, selling: &SellingSettings) -> Vec<Fault> {
    let facilitator = selling
        .facilitator
        .as_ref()
        .map(|f| (&FACILITATOR_LISTEN, f.listen));
    let gateway = selling.gateway.as_ref().map(|g| (&GATEWAY_LISTEN, g.listen));
    [facilitator, gateway]
        .into_iter()
        .flatten()
        .filter(|(_, listen)| environment == Environment::Production && !listen.ip().is_loopback())
        .map(|(opt, _)| Fault {
            setting: opt.name(),
            fault: "is a plain-text listener beyond loopback".to_owned(),
            remedy: "listen on 127.0.0.1 and put a TLS proxy in front, or set it to off".to_owned(),
        })
        .collect()
}

fn list(given: &str) -> impl Iterator<Item = &str> {
    given.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn addresses(given: &str) -> Result<Vec<Address>, Bad> {
    list(given)
        .map(|text| {
            parse::address(text)?;
            evm::address(text).ok_or(Bad {
                fault: "is not an address".to_owned(),
                remedy: "write 0x and 40 hex digits".to_owned(),
            })
        })
        .collect()
}

/// `USDG`, or `eip155:8453/USDC`.
fn assets(given: &str) -> Result<Vec<(Network, String)>, Bad> {
    list(given)
        .map(|item| {
            let (network, asset) = item.split_once('/').unwrap_or(("eip155:196", item));
            match network.parse() {
                Ok(network) => Ok((network, asset.to_owned())),
                Err(_) => bad("names an unknown network", "write USDG, or eip155:8453/USDC"),
            }
        })
        .collect()
}

fn prices(given: &str) -> Result<Prices, Bad> {
    if given == "any" {
        return Ok(Prices::Any);
    }
    let prices: Vec<String> = list(given).map(str::to_owned).collect();
    // As many decimals as any token has: what is too fine for one of ours is found when it is resolved.
    let plain = |price: &String| Price::Tokens(price.clone()).in_units(Some(77)).is_ok();
    if prices.is_empty() || !prices.iter().all(plain) {
        return bad(
            "is not a list of prices",
            "write prices in tokens such as 0.01,0.5, or any",
        );
    }
    Ok(Prices::Listed(prices))
}

fn origin(given: &str) -> Result<HeaderValue, Bad> {
    let text = if given == "*" {
        given.to_owned()
    } else {
        parse::base_url(given)?
    };
    match HeaderValue::from_str(&text) {
        Ok(value) => Ok(value),
        Err(_) => bad("is not an origin", "write https://app.example.com, or *"),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Raw, Settings};

    /// Faults of a configuration with these variables, beside a database and mock mode.
    fn read(file: &str, variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let base = [
            ("DATABASE_URL", "postgres://u@h/d"),
            ("MOCK_OKX_FACILITATOR", "true"),
        ];
        let given = base
            .iter()
            .chain(variables)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let faults = |faults: Vec<super::Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        let raw = Raw::gather(Some(file), given).map_err(faults)?;
        Settings::from_raw(&raw).map_err(|f| faults(f.0))
    }

    const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

    #[test]
    fn nothing_is_sold_unless_asked_for() {
        let selling = read("", &[]).unwrap().selling;
        assert!(selling.facilitator.is_none() && selling.gateway.is_none());
    }

    #[test]
    fn the_facilitator_needs_payees_and_prices() {
        let faults = read("[facilitator]\nlisten = '127.0.0.1:8403'\n", &[]).unwrap_err();
        assert!(
            faults.iter().any(|f| f.starts_with("facilitator.payees")),
            "{faults:?}"
        );
        assert!(
            faults.iter().any(|f| f.starts_with("facilitator.prices")),
            "{faults:?}"
        );
        let file =
            "[facilitator]\nlisten = '127.0.0.1:8403'\nprices = '0.01,0.5'\nassets = 'USDG,base/USDC'\n";
        let facilitator = read(file, &[("PAYMENT_RECIPIENT", PAYEE)])
            .unwrap()
            .selling
            .facilitator
            .unwrap();
        assert_eq!(facilitator.payees.len(), 1);
        assert_eq!(facilitator.assets[1].0.chain_id(), 8453);
        for prices in ["0", "x", "", "1e3", "0.01,,-1"] {
            let file = format!("[facilitator]\nlisten = '127.0.0.1:8403'\nprices = '{prices}'\n");
            assert!(
                read(&file, &[("PAYMENT_RECIPIENT", PAYEE)]).is_err(),
                "{prices:?}"
            );
        }
    }

    #[test]
    fn routes_are_read_from_the_file_and_each_fault_names_its_route() {
        let file = "[gateway]\nlisten = '127.0.0.1:8402'\n[[gateway.route]]\npath = '/r'\nupstream = 'http://h'\n\
                    price = '0.01'\n[[gateway.route]]\npath = '/s'\nupstream = 'http://h'\nprice = '0.01'\norder = 'x'\n";
        let faults = read(file, &[]).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("gateway.route 2 (/s): order"), "{faults:?}");
        let settings = read(&file.replace("order = 'x'", ""), &[]).unwrap();
        assert_eq!(settings.selling.gateway.unwrap().routes.len(), 2);
        let off = read(
            "[[gateway.route]]\npath = '/r'\nupstream = 'http://h'\nprice = '1'\n",
            &[],
        );
        assert!(off.unwrap_err()[0].starts_with("gateway.listen"));
    }

    #[test]
    fn production_refuses_plain_text_beyond_this_machine() {
        let file = "[facilitator]\nlisten = '0.0.0.0:8403'\nprices = 'any'\n[gateway]\nlisten = '0.0.0.0:8402'\n\
                    [[gateway.route]]\npath = '/r'\nupstream = 'http://h'\nfree = true\n";
        let given = [("PAYMENT_RECIPIENT", PAYEE), ("INSFORGE_ENV", "production")];
        let faults = read(file, &given).unwrap_err();
        for name in ["facilitator.listen", "gateway.listen"] {
            assert!(faults.iter().any(|f| f.starts_with(name)), "{name}: {faults:?}");
        }
    }
}
