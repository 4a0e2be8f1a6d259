//! The routes, ready to serve: tokens resolved, patterns read.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::uri::{Authority, Scheme};
use insforge_protocol::judge::{Verdict, judge};
use insforge_protocol::x402::{
    Challenge, Dialect, Dialects, Offer, OfferError, Payment, Reason, Requirements, Resource, Token,
    VouchedToken,
};
use serde_json::Value;

use super::path::{Pattern, SafePath};
use crate::config::{OfferSettings, Order, RouteSettings, SaleSettings};

/// Everything the gateway serves.
#[derive(Debug)]
pub struct Catalog {
    routes: Vec<Arc<Route>>,
}

/// One route.
#[derive(Debug)]
pub(super) struct Route {
    methods: Vec<Method>,
    pattern: Pattern,
    pub(super) upstream: Upstream,
    pub(super) upstream_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) max_request_body: usize,
    pub(super) sold: Option<Sold>,
}

/// Where requests of a route go.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Put before the request's path; no slash at its end.
    pub(super) prefix: String,
}

/// How a route is sold.
#[derive(Debug)]
pub(super) struct Sold {
    offers: Vec<Offer>,
    /// The offers as requirements, in the same order: what a payment is held against and what is recorded.
    requirements: Vec<Requirements>,
    dialects: Dialects,
    description: Option<String>,
    mime_type: Option<String>,
    pub(super) order: Order,
    pub(super) settle_wait: Duration,
    pub(super) bind_body: bool,
    pub(super) keep_answer_for: Duration,
    pub(super) max_kept_answer: usize,
    pub(super) max_unsettled: Option<u32>,
}

/// A route that cannot be served, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route {path}: {cause}")]
pub struct Unservable {
    /// Its pattern.
    pub path: String,
    /// What is wrong.
    pub cause: OfferError,
}

/// Which route a request is for.
pub(super) enum Found<'a> {
    Route(&'a Arc<Route>),
    /// The path is served, but for these methods.
    OtherMethod(Vec<Method>),
    Nothing,
}

impl Catalog {
    /// Routes as configured. `recipient` is paid where a route names nobody.
    ///
    /// # Errors
    /// [`Unservable`], one for each route that cannot be served.
    pub fn build(
        routes: &[RouteSettings],
        recipient: Option<&str>,
        vouched: &[VouchedToken],
    ) -> Result<Self, Vec<Unservable>> {
        let (mut built, mut faults) = (Vec::new(), Vec::new());
        for route in routes {
            match Route::build(route, recipient, vouched) {
                Ok(route) => built.push(Arc::new(route)),
                Err(cause) => faults.push(Unservable {
                    path: route.path.clone(),
                    cause,
                }),
            }
        }
        if faults.is_empty() {
            Ok(Self { routes: built })
        } else {
            Err(faults)
        }
    }

    /// The first route that fits. HEAD is the GET of the same path, priced alike.
    pub(super) fn find(&self, method: &Method, path: &SafePath) -> Found<'_> {
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let mut others = Vec::new();
        for route in self.routes.iter().filter(|route| route.pattern.matches(path)) {
            if route.methods.is_empty() || route.methods.contains(asked) {
                return Found::Route(route);
            }
            others.extend(route.methods.iter().cloned());
        }
        if others.is_empty() {
            Found::Nothing
        } else {
            Found::OtherMethod(others)
        }
    }
}

impl Route {
    fn build(
        settings: &RouteSettings,
        recipient: Option<&str>,
        vouched: &[VouchedToken],
    ) -> Result<Self, OfferError> {
        // The settings were read by the same functions, so neither can fail here; an empty pattern or host
        // serves nothing.
        let refuse = || OfferError::Terms(Reason::UnexpectedVerify);
        let methods: Result<Vec<Method>, _> = settings.methods.iter().map(|m| m.parse()).collect();
        Ok(Self {
            methods: methods.map_err(|_| refuse())?,
            pattern: Pattern::parse(&settings.path).ok_or_else(refuse)?,
            upstream: Upstream::read(&settings.upstream).ok_or_else(refuse)?,
            upstream_timeout: settings.upstream_timeout,
            idle_timeout: settings.idle_timeout,
            max_request_body: settings.max_request_body,
            sold: settings
                .sale
                .as_ref()
                .map(|sale| Sold::build(sale, recipient, vouched))
                .transpose()?,
        })
    }
}

impl Upstream {
    fn read(url: &reqwest::Url) -> Option<Self> {
        let host = url.host_str()?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Some(Self {
            scheme: url.scheme().parse().ok()?,
            authority: authority.parse().ok()?,
            prefix: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// What a payment is, before the ledger is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Admission {
    /// Nothing that could be looked at: 400.
    Malformed(Reason),
    /// A payment, but none for this: 402 with the challenge.
    Refused(Reason),
    /// A payment for this, as far as can be told offline.
    Admitted {
        payment: Box<Payment>,
        /// Which offer it is for.
        offer: usize,
        /// Whether only the chain can check its signature.
        indeterminate: bool,
    },
}

impl Sold {
    fn build(
        sale: &SaleSettings,
        recipient: Option<&str>,
        vouched: &[VouchedToken],
    ) -> Result<Self, OfferError> {
        let seconds = sale.sign_for.as_secs();
        let offer = |offer: &OfferSettings| {
            let token = Token::find(offer.network, &offer.asset, vouched)?;
            let pay_to = offer.pay_to.as_deref().or(recipient).unwrap_or_default();
            Offer::new(token, pay_to, &offer.price, seconds)
        };
        let offers = sale.offers.iter().map(offer).collect::<Result<Vec<_>, _>>()?;
        let nowhere = Resource::default();
        let requirements = offers
            .iter()
            .map(|offer| Requirements::parse(&offer.requirements(Dialect::V2, &nowhere)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            offers,
            requirements,
            dialects: sale.dialects,
            description: sale.description.clone(),
            mime_type: sale.mime_type.clone(),
            order: sale.order,
            settle_wait: sale.settle_wait,
            bind_body: sale.bind_body,
            keep_answer_for: sale.keep_answer_for,
            max_kept_answer: sale.max_kept_answer,
            max_unsettled: sale.max_unsettled_per_payer,
        })
    }

    /// The challenge for a URL of this route.
    pub(super) fn challenge(&self, url: String, error: &str) -> Challenge {
        let resource = Resource {
            url,
            description: self.description.clone(),
            mime_type: self.mime_type.clone(),
        };
        Challenge::new(&self.offers, &resource, self.dialects, error)
    }

    /// The seller's own requirements of an offer, for the ledger.
    pub(super) fn requirements(&self, offer: usize) -> &Requirements {
        &self.requirements[offer]
    }

    /// Judges a payment offline at `now`, unix seconds of our clock. A payment that has run out is let
    /// through to the ledger, which knows whether it was recorded in time.
    pub(super) fn admit(&self, message: &Value, now: u64) -> Admission {
        let payment = match Payment::parse(message) {
            Ok(payment) => Box::new(payment),
            Err(reason @ (Reason::Payload(_) | Reason::Version)) => return Admission::Malformed(reason),
            Err(reason) => return Admission::Refused(reason),
        };
        let mut late = None;
        let mut open = None;
        let mut refusal = None;
        for (index, (offer, requirements)) in self.offers.iter().zip(&self.requirements).enumerate() {
            match judge(&payment, requirements, &offer.token.domain, now) {
                Verdict::Valid => return admitted(payment, index, false),
                Verdict::Indeterminate(_) => open = open.or(Some(index)),
                Verdict::Invalid(Reason::ValidBefore | Reason::ValidAfter) => late = late.or(Some(index)),
                Verdict::Invalid(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        match (open, late, refusal) {
            (Some(index), _, _) => admitted(payment, index, true),
            (None, Some(index), _) => admitted(payment, index, false),
            (None, None, Some(reason)) => Admission::Refused(reason),
            (None, None, None) => Admission::Refused(Reason::UnexpectedVerify),
        }
    }
}

fn admitted(payment: Box<Payment>, offer: usize, indeterminate: bool) -> Admission {
    Admission::Admitted {
        payment,
        offer,
        indeterminate,
    }
}
