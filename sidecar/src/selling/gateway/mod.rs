//! The gateway: a reverse proxy that sells the endpoints behind it. A buyer pays once and gets once; an
//! answer that was lost can be fetched again with the same payment.

mod answer;
mod asker;
mod body;
mod catalog;
mod claim;
mod decide;
mod deliver;
mod flights;
mod headers;
mod path;
mod payment;
mod relay;
mod sell;
mod service;
#[cfg(test)]
mod tests;
mod upstream;

pub use catalog::{Catalog, Unservable};
pub(crate) use path::Pattern;
pub use service::{Face, Gateway};
