/// How a cluster differs from the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether commits reach the disk. On by default: figures and crash tests without it prove nothing.
    pub fsync: bool,
    /// Further lines of `postgresql.conf`.
    pub settings: Vec<String>,
    /// Gives the server a disk of so many megabytes on [`SMALL_DISK`], which nobody else sees and which goes with
    /// it. Needs root and the right to mount.
    pub small_disk: Option<u32>,
}

/// Where a server with a small disk has it.
pub const SMALL_DISK: &str = "/mnt";

impl Default for Options {
    fn default() -> Options {
        Options {
            fsync: true,
            settings: Vec::new(),
            small_disk: None,
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
