//! From text to value, one small function per form. Each says what is wrong without repeating the
//! value: it may be a secret.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;
use tracing_subscriber::EnvFilter;

/// What is wrong with a value, and what to write instead.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) fault: String,
    pub(super) remedy: String,
}

pub(super) fn bad<T>(fault: impl Into<String>, remedy: impl Into<String>) -> Result<T, Bad> {
    Err(Bad {
        fault: fault.into(),
        remedy: remedy.into(),
    })
}

pub(super) fn text(given: &str) -> Result<String, Bad> {
    Ok(given.to_owned())
}

pub(super) fn log_filter(given: &str) -> Result<String, Bad> {
    match EnvFilter::try_new(given) {
        Ok(_) => Ok(given.to_owned()),
        Err(_) => bad("is not a log filter", "write error, warn, info, debug or trace"),
    }
}

pub(super) fn switch(given: &str) -> Result<bool, Bad> {
    match given.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => bad("is neither true nor false", "write true or false"),
    }
}

pub(super) fn choice<T: Copy>(given: &str, choices: &[(&str, T)]) -> Result<T, Bad> {
    match choices.iter().find(|(word, _)| *word == given) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            bad("is not a choice", format!("write {}", words.join(" or ")))
        }
    }
}

pub(super) fn whole(given: &str, range: RangeInclusive<usize>) -> Result<usize, Bad> {
    match given.parse() {
        Ok(n) if range.contains(&n) => Ok(n),
        Ok(_) => bad(
            "is out of range",
            format!("write a number from {} to {}", range.start(), range.end()),
        ),
        Err(_) => bad(
            "is not a whole number",
            format!("write one from {} to {}", range.start(), range.end()),
        ),
    }
}

pub(super) fn decimal(given: &str, range: RangeInclusive<f64>) -> Result<f64, Bad> {
    match given.parse() {
        Ok(n) if range.contains(&n) => Ok(n),
        Ok(_) => bad(
            "is out of range",
            format!("write a number from {} to {}", range.start(), range.end()),
        ),
        Err(_) => bad(
            "is not a number",
            format!("write one from {} to {}", range.start(), range.end()),
        ),
    }
}

pub(super) fn duration(given: &str, range: RangeInclusive<Duration>) -> Result<Duration, Bad> {
    let digits = given.len() - given.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = given.split_at(digits);
    let millis_per_unit = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return bad("has no unit", "write a duration such as 500ms, 10s or 2m"),
        _ => return bad("is not a duration", "write one such as 500ms, 10s or 2m"),
    };
    let millis = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(millis_per_unit));
    match millis.map(Duration::from_millis) {
        Some(value) if range.contains(&value) => Ok(value),
        Some(_) => bad(
            "is out of range",
            format!("write one from {:?} to {:?}", range.start(), range.end()),
        ),
        None => bad("is not a duration", "write one such as 500ms, 10s or 2m"),
    }
}

pub(super) fn http_url(given: &str) -> Result<Url, Bad> {
    match Url::parse(given) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => bad(
            "is not an http or https URL",
            "write one such as https://web3.okx.com",
        ),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => bad(
            "contains a user name or password",
            "remove them; URLs are shown in logs",
        ),
        Ok(url) => Ok(url),
        Err(_) => bad("is not a URL", "write one such as https://web3.okx.com"),
    }
}

/// Scheme and host only: paths are ours to choose, and are part of what is signed.
pub(super) fn base_url(given: &str) -> Result<String, Bad> {
    let url = http_url(given)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return bad(
            "has a path",
            "write scheme and host only, such as https://web3.okx.com",
        );
    }
    Ok(url.origin().ascii_serialization())
}

pub(super) fn http_urls(given: &str) -> Result<Vec<Url>, Bad> {
    given
        .split(',')
        .map(str::trim)
        .filter(|url| !url.is_empty())
        .map(http_url)
        .collect()
}

/// `None` is "off".
pub(super) fn listener(given: &str) -> Result<Option<SocketAddr>, Bad> {
    if given.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let text = given.replacen("localhost:", "127.0.0.1:", 1);
    match text.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) => bad(
            "is not an address with a port",
            "write one such as 127.0.0.1:9464, or off",
        ),
    }
}

pub(super) fn address(given: &str) -> Result<String, Bad> {
    let hex = given.strip_prefix("0x").unwrap_or_default();
    if hex.len() != 40 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return bad("is not an address", "write 0x and 40 hex digits");
    }
    if hex.bytes().all(|b| b == b'0') {
        return bad(
            "is the zero address",
            "write the address you own; money sent to zero is lost",
        );
    }
    Ok(given.to_ascii_lowercase())
}
