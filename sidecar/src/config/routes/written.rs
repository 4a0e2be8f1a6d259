use std::time::Duration;

use insforge_protocol::x402::{Dialects, Price};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::forms::{self, Size, Texts};
use super::model::{OfferSettings, Order, RouteSettings, SaleSettings};
use crate::config::fault::Fault;
use crate::config::parse::{self, Bad, bad};

/// A route as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    method: Option<Texts>,
    path: String,
    upstream: String,
    upstream_timeout: Option<String>,
    idle_timeout: Option<String>,
    max_request_body: Option<Size>,
    #[serde(default)]
    free: bool,
    price: Option<String>,
    amount: Option<String>,
    asset: Option<String>,
    network: Option<String>,
    pay_to: Option<String>,
    offers: Option<Vec<WrittenOffer>>,
    description: Option<String>,
    mime_type: Option<String>,
    order: Option<String>,
    dialects: Option<Vec<String>>,
    sign_for: Option<String>,
    settle_wait: Option<String>,
    bind_body: Option<bool>,
    keep_answer_for: Option<String>,
    max_kept_answer: Option<Size>,
    max_unsettled_per_payer: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOffer {
    price: Option<String>,
    amount: Option<String>,
    asset: Option<String>,
    network: Option<String>,
    pay_to: Option<String>,
}

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;
const MIB: usize = 1024 * 1024;

/// Reads the routes; every fault is found, each named by the route's number and path.
pub(crate) fn read(routes: &[Value], faults: &mut Vec<Fault>) -> Vec<RouteSettings> {
    let mut read = Vec::new();
    for (index, value) in routes.iter().enumerate() {
        let path = value.get("path").and_then(Value::as_str).unwrap_or("no path");
        let name = format!("gateway.route {} ({path})", index + 1);
        match serde_json::from_value::<Written>(value.clone()) {
            Ok(written) => match route(written) {
                Ok(route) => read.push(route),
                Err(wrong) => faults.extend(wrong.into_iter().map(|(member, bad)| Fault {
                    setting: format!("{name}: {member}"),
                    fault: bad.fault,
                    remedy: bad.remedy,
                })),
            },
            Err(error) => faults.push(Fault {
                setting: name,
                fault: error.to_string(),
                remedy: "see docs/selling.md for what a route may hold; prices are text".to_owned(),
            }),
        }
    }
    read
}

/// Collects what is wrong with a route.
#[derive(Default)]
struct Reader(Vec<(&'static str, Bad)>);

impl Reader {
    fn take<T>(&mut self, member: &'static str, read: Result<T, Bad>, instead: T) -> T {
        read.unwrap_or_else(|bad| {
            self.0.push((member, bad));
            instead
        })
    }

    fn time(
        &mut self,
        member: &'static str,
        given: Option<&String>,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        match given {
            None => default,
            Some(text) => self.take(member, parse::duration(text, range), default),
        }
    }

    fn size(&mut self, member: &'static str, given: Option<&Size>, default: usize) -> usize {
        match given {
            None => default,
            Some(size) => self.take(member, forms::bytes(size), default),
        }
    }
}

fn route(written: Written) -> Result<RouteSettings, Vec<(&'static str, Bad)>> {
    let mut reader = Reader::default();
    let blank = Url::parse("http://localhost/").map_err(|_| Vec::new())?;
    let route = RouteSettings {
        methods: reader.take("method", forms::methods(written.method.as_ref()), Vec::new()),
        path: reader.take("path", forms::pattern(&written.path), String::new()),
        upstream: reader.take("upstream", forms::upstream(&written.upstream), blank),
        upstream_timeout: reader.time(
            "upstream_timeout",
            written.upstream_timeout.as_ref(),
            SECS(30),
            MS(10)..=SECS(600),
        ),
        idle_timeout: reader.time(
            "idle_timeout",
            written.idle_timeout.as_ref(),
            SECS(30),
            MS(10)..=SECS(600),
        ),
        max_request_body: reader.size("max_request_body", written.max_request_body.as_ref(), MIB),
        sale: sale(&written, &mut reader),
    };
    if reader.0.is_empty() {
        Ok(route)
    } else {
        Err(reader.0)
    }
}

fn sale(written: &Written, reader: &mut Reader) -> Option<SaleSettings> {
    let priced = written.price.is_some() || written.amount.is_some() || written.offers.is_some();
    if written.free {
        if priced {
            let fault = bad("is true, and there is a price", "leave one of them out");
            reader.take("free", fault, ());
        }
        return None;
    }
    Some(SaleSettings {
        offers: offers(written, reader),
        description: written.description.clone(),
        mime_type: written.mime_type.clone(),
        order: reader.take("order", forms::order(written.order.as_deref()), Order::default()),
        dialects: reader.take(
            "dialects",
            forms::dialects(written.dialects.as_deref()),
            Dialects::ALL,
        ),
        sign_for: reader.time(
            "sign_for",
            written.sign_for.as_ref(),
            SECS(300),
            SECS(30)..=SECS(86_400),
        ),
        settle_wait: reader.time(
            "settle_wait",
            written.settle_wait.as_ref(),
            SECS(20),
            MS(10)..=SECS(120),
        ),
        bind_body: written.bind_body.unwrap_or(true),
        keep_answer_for: reader.time(
            "keep_answer_for",
            written.keep_answer_for.as_ref(),
            SECS(900),
            MS(0)..=SECS(7 * 86_400),
        ),
        max_kept_answer: reader.size("max_kept_answer", written.max_kept_answer.as_ref(), MIB),
        max_unsettled_per_payer: match written.max_unsettled_per_payer {
            Some(0) => None,
            given => given.or(Some(100)),
        },
    })
}

fn offers(written: &Written, reader: &mut Reader) -> Vec<OfferSettings> {
    let parts = |price: &Option<String>, amount: &Option<String>, own: Option<&WrittenOffer>| {
        let of = |pick: fn(&WrittenOffer) -> &Option<String>, route: &Option<String>| {
            own.and_then(|offer| pick(offer).clone())
                .or_else(|| route.clone())
        };
        offer(
            price.clone(),
            amount.clone(),
            of(|o| &o.asset, &written.asset),
            of(|o| &o.network, &written.network),
            of(|o| &o.pay_to, &written.pay_to),
        )
    };
    let read: Result<Vec<_>, Bad> = match &written.offers {
        None => parts(&written.price, &written.amount, None).map(|offer| vec![offer]),
        Some(_) if written.price.is_some() || written.amount.is_some() => bad(
            "stand beside a price of the route",
            "write the price in each offer",
        ),
        Some(list) if list.is_empty() => bad("are empty", "name one way to pay, or write free = true"),
        Some(list) => list
            .iter()
            .map(|own| parts(&own.price, &own.amount, Some(own)))
            .collect(),
    };
    reader.take("offers", read, Vec::new())
}

fn offer(
    price: Option<String>,
    amount: Option<String>,
    asset: Option<String>,
    network: Option<String>,
    pay_to: Option<String>,
) -> Result<OfferSettings, Bad> {
    let price = match (price, amount) {
        (Some(tokens), None) => Price::Tokens(tokens),
        (None, Some(units)) => Price::Atomic(units),
        (None, None) => return bad("have no price", "write price = \"0.01\", or free = true"),
        (Some(_), Some(_)) => return bad("have a price and an amount", "leave one of them out"),
    };
    let network = match network.as_deref().unwrap_or("eip155:196").parse() {
        Ok(network) => network,
        Err(_) => return bad("name an unknown network", "write CAIP-2 such as eip155:196"),
    };
    if let Some(pay_to) = &pay_to {
        parse::address(pay_to)?;
    }
    Ok(OfferSettings {
        price,
        asset: asset.unwrap_or_else(|| "USDG".to_owned()),
        network,
        pay_to,
    })
}
