use std::time::Duration;

use insforge_protocol::x402::{Dialects, Network, Price};
use reqwest::Url;

/// When a payment is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Before the upstream is asked. No work is done for money that does not come; an upstream that fails
    /// can be asked again with the same payment.
    #[default]
    SettleFirst,
    /// After the upstream answered well. Failures cost nothing; work may be done for money that does not come.
    HandleFirst,
}

/// One way to pay for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferSettings {
    /// The price.
    pub price: Price,
    /// Symbol or contract of the token.
    pub asset: String,
    /// Chain.
    pub network: Network,
    /// Who is paid; `None`: `payment.recipient`.
    pub pay_to: Option<String>,
}

/// How a route is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleSettings {
    /// Ways to pay, the preferred first.
    pub offers: Vec<OfferSettings>,
    /// What it is, for people.
    pub description: Option<String>,
    /// Media type of the answer.
    pub mime_type: Option<String>,
    /// When a payment is settled.
    pub order: Order,
    /// Which clients can buy.
    pub dialects: Dialects,
    /// For how long buyers are asked to sign.
    pub sign_for: Duration,
    /// How long a request waits for its payment's outcome.
    pub settle_wait: Duration,
    /// Whether a payment is bound to the request's body, which is then read before it is sent on.
    pub bind_body: bool,
    /// How long an answer is kept for those who ask again.
    pub keep_answer_for: Duration,
    /// Largest answer that is kept, in bytes.
    pub max_kept_answer: usize,
    /// Unsettled payments of one payer; `None`: any number.
    pub max_unsettled_per_payer: Option<u32>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSettings {
    /// Methods, upper case; empty: all.
    pub methods: Vec<String>,
    /// Pattern of the path.
    pub path: String,
    /// Where requests go: scheme, host, and what is put before the path.
    pub upstream: Url,
    /// Time until the upstream begins to answer.
    pub upstream_timeout: Duration,
    /// Time between two pieces of a body, in either direction.
    pub idle_timeout: Duration,
    /// Largest body of a request, in bytes.
    pub max_request_body: usize,
    /// How it is sold; `None`: it is free.
    pub sale: Option<SaleSettings>,
}
