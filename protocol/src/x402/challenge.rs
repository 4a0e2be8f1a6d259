//! The answer to a request without a payment: what to pay, in the forms that clients read.
//!
//! v2 clients read the header `PAYMENT-REQUIRED`, v1 clients the body, and InsForge's own client code reads
//! the header but expects v1 members in it. A v2 message may carry further members, so one header with both
//! spellings of the price serves two of them, and the body the third.

use serde_json::{Value, json};

use super::malformed::Problem;
use super::{Offer, Reason, Requirements, Resource, Version, header};

/// Who can read an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// x402 v1: `maxAmountRequired` and the resource in each entry, the network by its v1 name.
    V1,
    /// x402 v2: `amount`, CAIP-2.
    V2,
    /// InsForge's and OKX's first generation: version 1 in the header, CAIP-2.
    Hybrid,
    /// A v2 message whose entries carry the members of the hybrid as well.
    All,
}

/// Which clients a resource is sold to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialects {
    /// v1 clients.
    pub v1: bool,
    /// v2 clients.
    pub v2: bool,
    /// InsForge's client code, and OKX's first generation.
    pub hybrid: bool,
}

impl Dialects {
    /// Everybody.
    pub const ALL: Self = Self {
        v1: true,
        v2: true,
        hybrid: true,
    };

    /// The dialect of the header's message, if there is to be one.
    const fn in_header(self) -> Option<Dialect> {
        match (self.v2, self.hybrid) {
            (true, true) => Some(Dialect::All),
            (true, false) => Some(Dialect::V2),
            (false, true) => Some(Dialect::Hybrid),
            (false, false) => None,
        }
    }
}

impl Dialect {
    /// Reads a dialect's name: `v1`, `v2`, `hybrid`, `all`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            "hybrid" => Some(Self::Hybrid),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// Version of the messages.
    pub const fn version(self) -> Version {
        match self {
            Self::V1 | Self::Hybrid => Version::V1,
            Self::V2 | Self::All => Version::V2,
        }
    }
}

/// The two carriers of a 402 answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge {
    /// Value of the header `PAYMENT-REQUIRED`; absent where only v1 is sold.
    pub header: Option<String>,
    /// The JSON body.
    pub body: Value,
}

impl Challenge {
    /// The challenge for a resource. `error` says why a payment is asked for, or what was wrong with the one
    /// that was sent.
    pub fn new(offers: &[Offer], resource: &Resource, dialects: Dialects, error: &str) -> Self {
        let message = |dialect| in_dialect(offers, resource, dialect, error);
        let header = dialects.in_header().map(message);
        let body = match &header {
            Some(message) if !dialects.v1 => message.clone(),
            _ => message(Dialect::V1),
        };
        Self {
            header: header.as_ref().map(header::encode),
            body,
        }
    }
}

fn in_dialect(offers: &[Offer], resource: &Resource, dialect: Dialect, error: &str) -> Value {
    // A v1 client refuses the whole list for one network name that it does not know.
    let named = dialect == Dialect::V1 && offers.iter().any(|o| o.token.network.v1_name().is_some());
    let accepts = offers
        .iter()
        .filter(|offer| !named || offer.token.network.v1_name().is_some())
        .map(|offer| offer.requirements(dialect, resource))
        .collect();
    message(dialect.version(), accepts, resource, error)
}

fn message(version: Version, accepts: Vec<Value>, resource: &Resource, error: &str) -> Value {
    let mut message = json!({ "x402Version": version.number(), "error": error, "accepts": accepts });
    if version == Version::V2 {
        let mut about = json!({ "url": resource.url });
        for (member, text) in [
            ("description", &resource.description),
            ("mimeType", &resource.mime_type),
        ] {
            if let Some(text) = text {
                about[member] = json!(text);
            }
        }
        message["resource"] = about;
    }
    message
}

/// The message of a 402 answer from finished requirements, one or a list. Its version is theirs: 2 where
/// each has `amount`, 1 where each has `maxAmountRequired` only. v1 entries without `resource` get it from
/// `resource`.
///
/// Errors: [`Reason::Requirements`] and [`Reason::Network`] for an entry that no buyer could use, and where
/// versions are mixed or nothing is offered.
pub fn payment_required(accepts: &Value, resource: &Resource, error: &str) -> Result<Value, Reason> {
    let refuse = |problem: Problem| Reason::Requirements(problem.of("accepts"));
    let entries = match accepts {
        Value::Array(entries) => entries.clone(),
        one => vec![one.clone()],
    };
    for entry in &entries {
        Requirements::parse(entry)?;
    }
    let in_v2 = |entry: &Value| entry.get("amount").is_some();
    let version = match entries.first() {
        None => return Err(refuse(Problem::Missing)),
        Some(first) if in_v2(first) => Version::V2,
        Some(_) => Version::V1,
    };
    if entries
        .iter()
        .any(|entry| in_v2(entry) != (version == Version::V2))
    {
        return Err(refuse(Problem::Contradiction));
    }
    if version == Version::V2 && resource.url.is_empty() {
        return Err(Reason::Requirements(Problem::Missing.of("resource")));
    }
    let filled = entries.into_iter().map(|entry| match version {
        Version::V1 => fill(entry, resource),
        Version::V2 => entry,
    });
    Ok(message(version, filled.collect(), resource, error))
}

/// Members that a v1 entry must have, from the challenge.
fn fill(mut entry: Value, resource: &Resource) -> Value {
    let text = |member: &Option<String>| json!(member.as_deref().unwrap_or_default());
    for (member, value) in [
        ("resource", json!(resource.url)),
        ("description", text(&resource.description)),
        ("mimeType", text(&resource.mime_type)),
    ] {
        let given = entry.get(member).and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            entry[member] = value;
        }
    }
    entry
}

#[cfg(test)]
mod tests;
