use futures_util::future::BoxFuture;
use insforge_protocol::x402::{Payment, Requirements};

use super::Report;

/// Who checks what the facilitator says before it ends a payment.
pub trait Witness: Send + Sync {
    /// The report to record in place of this one: of a settled payment, with the chain's proof, or as submitted if
    /// the chain does not show it (yet); of a refused one, as unknown if its authorization is used all the same.
    /// Where no chain can be asked, the facilitator's word stands.
    fn examine<'a>(
        &'a self,
        payment: &'a Payment,
        requirements: &'a Requirements,
        report: Report,
    ) -> BoxFuture<'a, Report>;

    /// Why payments with these requirements must not be sent at present, if so.
    fn objection(&self, requirements: &Requirements) -> Option<&'static str>;

    /// Whether it objects to any payments at present.
    fn objects(&self) -> bool;
}

/// Believes everybody: for a sidecar that knows no chain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Believer;

impl Witness for Believer {
    fn examine<'a>(&'a self, _: &'a Payment, _: &'a Requirements, report: Report) -> BoxFuture<'a, Report> {
        Box::pin(std::future::ready(report))
    }

    fn objection(&self, _: &Requirements) -> Option<&'static str> {
        None
    }

    fn objects(&self) -> bool {
        false
    }
}
