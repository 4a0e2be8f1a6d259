//! What `cargo pgrx test` needs of the crate.

/// Called once before the test server starts.
pub fn setup(_options: Vec<&str>) {}

/// Lines for the test server's `postgresql.conf`.
pub fn postgresql_conf_options() -> Vec<&'static str> {
    vec![]
}
