//! The listener for health and metrics. Loopback by default; it changes nothing and shows no payment.

mod health;

pub use health::{Probes, serve};
