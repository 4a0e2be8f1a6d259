//! From text to value, for what only routes have.

use insforge_protocol::x402::Dialects;
use reqwest::Url;
use serde::Deserialize;

use super::model::Order;
use crate::config::parse::{self, Bad, bad};

/// Largest size that can be configured.
const MAX_SIZE: usize = 1024 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

pub(super) fn methods(given: Option<&Texts>) -> Result<Vec<String>, Bad> {
    let methods = match given {
        None => return Ok(vec!["GET".to_owned()]),
        Some(Texts::One(one)) if one == "*" => return Ok(Vec::new()),
        Some(Texts::One(one)) => vec![one.clone()],
        Some(Texts::Many(many)) => many.clone(),
    };
    let plain = |method: &String| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    if methods.is_empty() || !methods.iter().all(plain) {
        return bad("is not a method", "write \"GET\", [\"GET\", \"POST\"] or \"*\"");
    }
    Ok(methods)
}

pub(super) fn pattern(given: &str) -> Result<String, Bad> {
    match crate::selling::gateway::Pattern::parse(given) {
        Some(_) => Ok(given.to_owned()),
        None => bad(
            "is not a path pattern",
            "write /literal/{any}/* without escapes or a query",
        ),
    }
}

pub(super) fn upstream(given: &str) -> Result<Url, Bad> {
    let url = parse::http_url(given)?;
    if url.query().is_some() || url.fragment().is_some() {
        return bad(
            "has a query or a fragment",
            "write scheme, host and perhaps a path",
        );
    }
    Ok(url)
}

pub(super) fn order(given: Option<&str>) -> Result<Order, Bad> {
    let choices = [
        ("settle-first", Order::SettleFirst),
        ("handle-first", Order::HandleFirst),
    ];
    given.map_or(Ok(Order::default()), |text| parse::choice(text, &choices))
}

pub(super) fn dialects(given: Option<&[String]>) -> Result<Dialects, Bad> {
    let Some(names) = given else {
        return Ok(Dialects::ALL);
    };
    let has = |name: &str| names.iter().any(|given| given == name);
    let known = names
        .iter()
        .all(|name| matches!(name.as_str(), "v1" | "v2" | "hybrid"));
    if names.is_empty() || !known {
        return bad("are not dialects", "write some of \"v1\", \"v2\", \"hybrid\"");
    }
    Ok(Dialects {
        v1: has("v1"),
        v2: has("v2"),
        hybrid: has("hybrid"),
    })
}

pub(super) fn bytes(size: &Size) -> Result<usize, Bad> {
    let remedy = "write bytes, or text such as \"64KiB\" or \"2MiB\"";
    let (number, unit) = match size {
        Size::Bytes(bytes) => (Some(*bytes), 1),
        Size::Text(text) => {
            let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            let unit = match text[digits.len()..].trim() {
                "B" | "" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                _ => return bad("is not a size", remedy),
            };
            (digits.parse().ok(), unit)
        }
    };
    let bytes = number
        .and_then(|n| n.checked_mul(unit))
        .and_then(|n| usize::try_from(n).ok());
    match bytes.filter(|bytes| *bytes <= MAX_SIZE) {
        Some(bytes) => Ok(bytes),
        None => bad("is not a size up to 1 GiB", remedy),
    }
}
