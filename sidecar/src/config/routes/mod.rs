//! `[[gateway.route]]`: what the gateway serves. Routes are in the file only; a list of tables has no good
//! form as an environment variable.

mod forms;
mod model;
mod written;

#[cfg(test)]
mod tests;

pub use model::{OfferSettings, Order, RouteSettings, SaleSettings};
pub(crate) use written::read;
