//! Chains and tokens that we know, each token with what its EIP-712 domain rests on.

mod chains;
mod table;
mod truth;

pub use chains::{CHAINS, Chain, chain, explorer_link};
pub use table::{ASSETS, Asset, Standing, asset};
pub use truth::{VouchedDomain, true_domain};
