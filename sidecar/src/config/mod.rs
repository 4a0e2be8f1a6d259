//! Configuration in two stages: what was given ([`Raw`]) and what is valid ([`Settings`]).
//!
//! One table ([`OPTIONS`]) names every option; the file reader, the environment reader, the error
//! messages, `config show` and `docs/configuration.md` are all driven by it.

mod chain;
mod database;
mod fault;
mod load;
mod parse;
mod production;
mod raw;
mod render;
mod routes;
mod selling;
mod settings;
mod table;
mod tokens;

#[cfg(test)]
mod tests;

pub use database::{Target, Verification};
pub use fault::{Fault, Faults};
pub use load::{load, read};
pub use production::production_faults;
pub use raw::{Given, Raw, Source};
pub use render::{docs, show};
#[cfg(test)]
pub(crate) use routes::read as read_routes;
pub use routes::{OfferSettings, Order, RouteSettings, SaleSettings};
pub use selling::{FacilitatorApiSettings, GatewaySettings, SellingSettings};
pub use settings::{
    DatabaseSettings, Environment, FacilitatorMode, FacilitatorSettings, HttpSettings, LogFormat,
    LogSettings, OkxSettings, Settings, SettlerSettings,
};
pub use table::{OPTIONS, Opt};
pub use tokens::TokenSettings;
