//! Reconciliation: every payment that was sent ends in a state that evidence proves.
//!
//! ```text
//! reconciler ── claims open payments ──► look (chain, facilitator) ──► decide ──► record, or send again
//! finality   ── rechecks settled payments until their block is final
//! scan       ── finds transfers to our payees, whoever sent them
//! domains    ── compares each token's DOMAIN_SEPARATOR() with the one payments are judged by
//! ```
//! What observations mean is decided in `insforge_protocol::evidence`; here they are gathered and acted on.

mod archive;
mod case;
mod chains;
mod courier;
mod domains;
mod finality;
mod incoming;
mod pace;
mod recent;
mod reconciler;
mod report;
mod resolve;
mod scan;
mod settings;
mod witness;

#[cfg(test)]
mod tests;

pub use archive::{Archive, Confirmation, Cursor, Matched, ScanTarget, Transfer, Unproven};
pub use case::Case;
pub use chains::Chains;
pub use courier::{Courier, Sent};
pub use domains::{DomainCheck, Domains};
pub use finality::FinalityTracker;
pub use reconciler::{Parts, Reconciler};
pub use scan::Scan;
pub use settings::ReconcileSettings;
pub use witness::ChainWitness;
