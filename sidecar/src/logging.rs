//! Log lines on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Never logged below this level, whatever the filter says: at `debug` it prints parameters of statements,
/// and payments among them are bearer instruments.
const QUIET: &str = "tokio_postgres=info";

/// Installs the global subscriber. A second call changes nothing.
pub fn init(settings: &LogSettings) {
    // The filter was parsed when the settings were judged.
    let mut filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    if let Ok(quiet) = QUIET.parse() {
        filter = filter.add_directive(quiet);
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
