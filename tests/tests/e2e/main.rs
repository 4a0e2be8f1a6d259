//! End-to-end tests: a real cluster with the extension, real sidecar processes, and the stand-in for OKX
//! and the chain. One binary, a module per topic, a database per test.
//!
//! `cargo xtask test` installs the extension and builds the sidecar before it runs them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every function here is a test's"
)]

mod adoption;
mod announcements;
mod audit_corpus;
mod audit_guides;
mod audit_lints;
mod audit_privileges;
mod audit_report;
mod audit_support;
mod bad_input;
mod chaos;
mod command_line;
mod concurrency;
mod demo;
mod drop_guard;
mod dump_restore;
mod faults;
mod first_payment;
mod function_bodies;
mod kept_plans;
mod ledger_adoption;
mod ledger_claims;
mod ledger_exposure;
mod ledger_privileges;
mod ledger_proofs;
mod lock_order;
mod mock_mode;
mod ops_breaker;
mod ops_doctor;
mod ops_failover;
mod ops_metrics;
mod ops_payments;
mod ops_rate_limit;
mod ops_support;
mod ops_takeover;
mod outages;
mod pages_node;
mod pages_providers;
mod pages_settings;
mod pages_support;
mod reconcile_finality;
mod reconcile_negative;
mod reconcile_outcomes;
mod reconcile_scan;
mod reconcile_support;
mod rls_lifecycle;
mod rls_organisations;
mod rls_page;
mod rls_privileges;
mod rls_proof;
mod rls_refusals;
mod rls_support;
mod rls_tables;
mod scene;
mod selling_answers;
mod selling_facilitator;
mod selling_forging;
mod selling_gateway;
mod selling_killed;
mod selling_limits;
mod selling_raw;
mod selling_smuggling;
mod selling_sql;
mod selling_support;
mod stopping;
mod tokens_bad_input;
mod tokens_command_line;
mod tokens_discovery;
mod tokens_exchange;
mod tokens_keys;
mod tokens_login;
mod tokens_roundtrip;
mod tokens_secrets;
mod tokens_start;
mod tokens_support;
mod write_before_money;
