use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DbError;
use super::error::connect_cause;
use crate::config::DatabaseSettings;
use crate::tls::{self, TlsError};

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
pub(super) type PgConnection = Connection<Socket, TlsStream>;

/// Connects to the first host that takes writes.
///
/// tokio-postgres walks the list of hosts itself, but its time limit covers the TCP connect only: a server
/// that accepts and then says nothing (stopped, half failed over) would hold it for ever. So each host is
/// tried with one limit for everything.
#[derive(Clone)]
pub struct Connector {
    hosts: Vec<Config>,
    tls: MakeRustlsConnect,
}

impl Connector {
    /// A connector for the configured hosts. `purpose` is shown in `pg_stat_activity`.
    ///
    /// # Errors
    /// [`TlsError`] when `sslrootcert` cannot be used.
    pub fn new(settings: &DatabaseSettings, purpose: &str) -> Result<Self, TlsError> {
        let target = &settings.target;
        let mut config = target.config.clone();
        if config.get_application_name().is_none() {
            config.application_name(format!("insforge-sidecar {purpose}"));
        }
        let tls = tls::config(target.verification, target.root_certificates.as_deref())?;
        Ok(Self {
            hosts: single_hosts(&config),
            tls: MakeRustlsConnect::new(tls),
        })
    }

    /// Connects.
    ///
    /// # Errors
    /// [`DbError::Connect`], with one cause for each host.
    pub(super) async fn connect(&self) -> Result<(Client, PgConnection), DbError> {
        let mut causes = Vec::new();
        for config in &self.hosts {
            // The limit is for one step; a connect has several (TCP, TLS, authentication, a question).
            let limit = config
                .get_connect_timeout()
                .copied()
                .unwrap_or(Duration::from_secs(5))
                * 2;
            let cause = match timeout(limit, config.connect(self.tls.clone())).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => connect_cause(error),
                Err(_) => format!("no answer within {limit:?}"),
            };
            causes.push(format!("{}: {cause}", host_name(config)));
        }
        Err(DbError::Connect(causes.join("; ")))
    }
}

fn host_name(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config
            .get_hostaddrs()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432))
}

/// One configuration for each host of a list.
fn single_hosts(all: &Config) -> Vec<Config> {
    let count = all.get_hosts().len().max(all.get_hostaddrs().len());
    (0..count).map(|index| single_host(all, index)).collect()
}

fn single_host(all: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match all.get_hosts().get(index) {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(index).or(all.get_ports().first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(name) = all.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(limit) = all.get_connect_timeout() {
        one.connect_timeout(*limit);
    }
    if let Some(limit) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*limit);
    }
    if let Some(interval) = all.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle());
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation());
    one.channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_hosts_becomes_one_configuration_each_with_everything_else_kept() {
        let all: Config = "postgres://u:p@a:1,b:2/db?target_session_attrs=read-write&options=-c%20jit%3Doff\
                           &application_name=mine&sslmode=require&connect_timeout=3&keepalives_retries=7"
            .parse()
            .unwrap();
        let single = single_hosts(&all);
        for (config, host) in single.iter().zip(["a:1", "b:2"]) {
            let expected: Config = format!(
                "postgres://u:p@{host}/db?target_session_attrs=read-write&options=-c%20jit%3Doff\
                 &application_name=mine&sslmode=require&connect_timeout=3&keepalives_retries=7"
            )
            .parse()
            .unwrap();
            assert_eq!(config, &expected);
            assert_eq!(host_name(config), host);
        }
        assert_eq!(single.len(), 2);
    }
}
