//! The protocol through SQL, and the ledger's rules as far as one transaction can show them.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its result has failed")]

mod claiming;
mod delivering;
mod moving;
mod operating;
mod privileges;
mod rules;
mod selling_many;
mod submitting;
mod support;
