use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::Settings;
use super::load::{self, Done};
use super::login::Logins;
use super::office::{Office, Peer};
use super::tokens::{Shows, sign};
use crate::bench::settle::{seconds, server_seconds};
use crate::bench::stats::{Figures, Quantiles, warm};

/// Tokens that log in, in each turn: one backend needs no more for a steady figure.
const LOGINS: usize = 2_000;

/// How one server dealt with one kind of token.
#[derive(Default)]
pub(super) struct Dealt {
    pub(super) rate: Figures,
    pub(super) p50: Figures,
    pub(super) p99: Figures,
    /// Microseconds of processor time for each token: the server's own, and Postgres's.
    pub(super) own: Figures,
    pub(super) postgres: Figures,
}

/// Everything measured. The Node server's are empty without Node.
#[derive(Default)]
pub(super) struct Found {
    pub(super) user: Dealt,
    pub(super) organisation: Dealt,
    pub(super) jose_user: Dealt,
    pub(super) jose_organisation: Dealt,
    pub(super) logins: Logins,
}

/// Who is asked in a turn.
#[derive(Clone, Copy)]
enum Server {
    Sidecar,
    Jose,
}

/// All runs.
pub(super) async fn all(settings: &Settings, office: &Office, peer: Option<&Peer>) -> Result<Found> {
    let mut found = Found::default();
    let client = office.database.client().await?;
    for run in 0..settings.common.runs {
        let users = sign(&office.key, Shows::User, settings.tokens)?;
        let members = sign(&office.key, Shows::Organisation, settings.tokens)?;
        client.batch_execute("CHECKPOINT").await?;
        settings.common.quiet().await;
        let mut turns = vec![
            (Server::Sidecar, Shows::User),
            (Server::Sidecar, Shows::Organisation),
        ];
        if peer.is_some() {
            turns.extend([(Server::Jose, Shows::User), (Server::Jose, Shows::Organisation)]);
        }
        let first = run % turns.len();
        turns.rotate_left(first);
        for (server, shows) in turns {
            let tokens = match shows {
                Shows::User => &users,
                Shows::Organisation => &members,
            };
            let dealt = match (server, shows) {
                (Server::Sidecar, Shows::User) => &mut found.user,
                (Server::Sidecar, Shows::Organisation) => &mut found.organisation,
                (Server::Jose, Shows::User) => &mut found.jose_user,
                (Server::Jose, Shows::Organisation) => &mut found.jose_organisation,
            };
            dealt.turn(server, office, peer, tokens, settings).await?;
        }
        let some = users.get(..LOGINS.min(users.len())).unwrap_or_default();
        found.logins.one_run(&client, some).await?;
        settings.common.progress(&format!("run {}", run + 1));
    }
    Ok(found)
}

impl Dealt {
    async fn turn(
        &mut self,
        server: Server,
        office: &Office,
        peer: Option<&Peer>,
        tokens: &[String],
        settings: &Settings,
    ) -> Result<()> {
        let (address, pid) = match server {
            Server::Sidecar => (office.address, Some(office.sidecar.process().pid())),
            Server::Jose => {
                let peer = peer.context("no Node server")?;
                (peer.address, peer.node.pid())
            }
        };
        let spent = || {
            let own = pid.and_then(seconds).unwrap_or_default();
            let postgres = server_seconds(office.database.server()).unwrap_or_default();
            (own, postgres)
        };
        let before = spent();
        let done = self.send(address, tokens, settings.connections).await? as f64;
        let after = spent();
        self.own.push((after.0 - before.0) * 1e6 / done);
        self.postgres.push((after.1 - before.1) * 1e6 / done);
        Ok(())
    }

    async fn send(&mut self, address: SocketAddr, tokens: &[String], connections: usize) -> Result<usize> {
        let done = load::run(address, tokens, connections).await?;
        let latencies: Vec<_> = done.iter().map(|done| done.took).collect();
        let quantiles = Quantiles::of(&latencies);
        self.rate.push(rate(&done).context("too few tokens")?);
        self.p50.push(quantiles.p50);
        self.p99.push(quantiles.p99);
        Ok(done.len())
    }
}

/// Answers per second after the warm-up.
fn rate(done: &[Done]) -> Option<f64> {
    let warm = warm(done);
    let (first, last) = (warm.first()?, warm.last()?);
    Some((warm.len() - 1) as f64 / last.at.duration_since(first.at).as_secs_f64())
}
