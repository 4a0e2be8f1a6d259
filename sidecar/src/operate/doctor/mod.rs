//! What is wrong with a setup, and what to do about it. Changes nothing and sends no payment.

mod chain;
mod clock;
mod database;
mod facilitator;
mod finding;
mod keys;
mod setup;

pub use finding::{Finding, Level, report};
pub use setup::examine;
