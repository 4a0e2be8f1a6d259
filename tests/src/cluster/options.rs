/// How a cluster differs from the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether commits reach the disk. On by default: figures and crash tests without it prove nothing.
    pub fsync: bool,
    /// Further lines of `postgresql.conf`.
    pub settings: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fsync: true,
            settings: Vec::new(),
        }
    }
}

impl Options {
    /// The lines of `postgresql.conf`.
    pub(super) fn lines(&self) -> Vec<String> {
        let fsync = if self.fsync { "on" } else { "off" };
        let mut lines = vec![format!("fsync = {fsync}")];
        lines.extend(["max_connections = 200", "timezone = 'UTC'"].map(str::to_owned));
        lines.extend(self.settings.iter().cloned());
        lines
    }
}
