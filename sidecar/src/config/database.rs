use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::parse::{Bad, bad};

/// How much of the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// Nothing: the connection is encrypted, but not against somebody in the middle.
    #[default]
    None,
    /// It must come from a trusted authority.
    Authority,
    /// It must also name the host.
    Full,
}

/// A connection string, understood.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// What tokio-postgres connects with. Its `Debug` hides the password.
    pub config: Config,
    /// From `sslmode`.
    pub verification: Verification,
    /// From `sslrootcert`: a PEM file of authorities, instead of the built-in and the system's.
    pub root_certificates: Option<PathBuf>,
}

impl Target {
    /// Hosts, database and user, for logs.
    pub fn summary(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(i, host)| {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let user = self.config.get_user().unwrap_or("?");
        let database = self.config.get_dbname().unwrap_or(user);
        format!("{user}@{hosts}/{database}")
    }

    /// Whether traffic leaves this machine without protection against somebody in the middle.
    pub fn is_exposed(&self) -> bool {
        let local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        };
        self.verification == Verification::None && !self.config.get_hosts().iter().all(local)
    }
}

/// Reads `postgres://…` and `key=value` strings. tokio-postgres knows neither `verify-ca`,
/// `verify-full` nor `sslrootcert`, so these are taken out first.
pub(super) fn target(given: &str) -> Result<Target, Bad> {
    let (rest, options) = take_tls_options(given);
    let mut target = Target::default();
    let mut mode = None;
    for (name, value) in options {
        match name {
            "sslmode" => mode = Some(value),
            _ => target.root_certificates = Some(PathBuf::from(value)),
        }
    }
    // The library's message may quote a piece of the password, so it is not passed on.
    target.config = Config::from_str(&rest).or_else(|_| {
        bad(
            "is not a connection string",
            "write postgres://user:password@host:5432/database; percent-encode special characters of the password",
        )
    })?;
    if target.config.get_hosts().is_empty() && target.config.get_hostaddrs().is_empty() {
        return bad(
            "names no host",
            "write postgres://user:password@host:5432/database",
        );
    }
    if target.config.get_user().is_none() {
        return bad(
            "names no user",
            "write postgres://user:password@host:5432/database",
        );
    }
    let (ssl_mode, verification) = tls_mode(mode.as_deref(), target.root_certificates.is_some())?;
    target.config.ssl_mode(ssl_mode);
    target.verification = verification;
    harden(&mut target.config);
    Ok(target)
}

/// Settings that every worker wants. All our statements write, so a standby is never right; and a
/// connection whose peer has vanished must not wait for the kernel's two hours.
fn harden(config: &mut Config) {
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    config.keepalives(true).keepalives_idle(Duration::from_secs(15));
    config
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3);
}

/// libpq's meanings: `require` alone does not verify, and verifies the authority when one is named.
fn tls_mode(mode: Option<&str>, root_given: bool) -> Result<(SslMode, Verification), Bad> {
    match mode.unwrap_or("prefer") {
        "disable" => Ok((SslMode::Disable, Verification::None)),
        "allow" | "prefer" => Ok((SslMode::Prefer, Verification::None)),
        "require" if root_given => Ok((SslMode::Require, Verification::Authority)),
        "require" => Ok((SslMode::Require, Verification::None)),
        "verify-ca" => Ok((SslMode::Require, Verification::Authority)),
        "verify-full" => Ok((SslMode::Require, Verification::Full)),
        _ => bad(
            "has an unknown sslmode",
            "write disable, prefer, require, verify-ca or verify-full",
        ),
    }
}

type TlsOptions = Vec<(&'static str, String)>;

fn take_tls_options(given: &str) -> (String, TlsOptions) {
    let is_url = given.starts_with("postgres://") || given.starts_with("postgresql://");
    let (head, tail, separator) = match given.split_once('?') {
        Some((head, tail)) if is_url => (head, tail, "&"),
        _ if is_url => return (given.to_owned(), Vec::new()),
        _ => ("", given, " "),
    };
    let mut taken = Vec::new();
    let mut kept = Vec::new();
    for part in tail.split(separator) {
        let found = part.split_once('=').and_then(|(name, value)| {
            let name = ["sslmode", "sslrootcert"]
                .into_iter()
                .find(|known| *known == name.trim())?;
            Some((
                name,
                if is_url {
                    percent_decode(value)
                } else {
                    value.trim_matches('\'').to_owned()
                },
            ))
        });
        match found {
            Some(option) => taken.push(option),
            None => kept.push(part),
        }
    }
    let kept = kept.join(separator);
    let rest = if is_url && !kept.is_empty() {
        format!("{head}?{kept}")
    } else {
        format!("{head}{kept}")
    };
    (rest, taken)
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let decoded = (*first == b'%')
            .then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
