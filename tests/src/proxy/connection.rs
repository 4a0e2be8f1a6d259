use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::rules::{Mode, Point, Rules, Shared, Side, contains};

/// One connection from the client's side to the server's.
struct Connection {
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Half-closes before it was there.
    halves: u64,
}

#[derive(Default)]
struct State {
    /// What the client said first; it tells which connection this is.
    first: Option<Vec<u8>>,
    /// The direction that is stopped, and the number of releases by then.
    stopped: Option<(Side, u64)>,
    /// Where it is to be stopped, until the reply that is waited for has been seen.
    awaited: Option<Point>,
}

type Chunk = (Instant, Vec<u8>);

/// Carries a connection until both sides are done with it, or it is cut.
pub(super) async fn carry(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let rules = shared.rules.borrow().clone();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let connection = Connection {
        state: Mutex::default(),
        halves: rules.halves,
        shared,
    };
    let mut changes = connection.shared.rules.subscribe();
    tokio::select! {
        _ = async {
            tokio::join!(
                connection.direction(Side::Request, from_client, to_server),
                connection.direction(Side::Reply, from_server, to_client),
            )
        } => {}
        _ = changes.wait_for(|now| now.cuts > rules.cuts) => {}
    }
}

impl Connection {
    /// Reads always, and writes when the rules allow it.
    async fn direction(&self, side: Side, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (sender, mut queue) = mpsc::unbounded_channel();
        let read = async move {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                let bytes = buffer[..count].to_vec();
                self.heard(side, &bytes);
                drop(sender.send((Instant::now(), bytes)));
            }
        };
        let write = async {
            tokio::select! {
                () = self.forward(side, &mut queue, &mut to) => {}
                () = self.half_closed(side) => {}
            }
            drop(to.shutdown().await);
        };
        tokio::join!(read, write);
    }

    fn heard(&self, side: Side, bytes: &[u8]) {
        let mut state = self.state.lock();
        let now = self.shared.rules.borrow().releases;
        let stop_here = match side {
            Side::Request => {
                state.first.get_or_insert_with(|| bytes.to_vec());
                let Some(point) = self.shared.meets(bytes) else {
                    return;
                };
                let side = point.side;
                state.stopped = Some((side, now));
                state.awaited = (side == Side::Reply).then_some(point);
                side == Side::Request
            }
            Side::Reply => {
                let Some(point) = state.awaited.take() else {
                    return;
                };
                let found = point.is_answered_by(bytes);
                if !found {
                    state.stopped = None;
                    *self.shared.point.lock() = Some(point);
                }
                found
            }
        };
        if stop_here {
            *self.shared.held.lock() = bytes.to_vec();
            self.shared.stopped.send_modify(|count| *count += 1);
        }
    }

    async fn forward(&self, side: Side, queue: &mut mpsc::UnboundedReceiver<Chunk>, to: &mut OwnedWriteHalf) {
        let mut changes = self.shared.rules.subscribe();
        while let Some((at, bytes)) = queue.recv().await {
            let mode = self.passage(side, at, &mut changes).await;
            let twice = mode == Mode::Twice && side == Side::Reply;
            for _ in 0..=u8::from(twice) {
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
        self.passage(side, Instant::now(), &mut changes).await;
    }

    /// Waits until bytes that came at `at` may go on; returns the mode they go under.
    async fn passage(&self, side: Side, at: Instant, changes: &mut watch::Receiver<Rules>) -> Mode {
        loop {
            let (mode, open_at) = self.gate(side, at, &changes.borrow_and_update());
            let Some(open_at) = open_at else {
                // The sender lives as long as the proxy; without it nothing is let through.
                if changes.changed().await.is_err() {
                    return std::future::pending().await;
                }
                continue;
            };
            if Instant::now() >= open_at {
                return mode;
            }
            tokio::select! {
                () = sleep_until(open_at) => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// The mode, and when bytes may go; `None` is not before the rules change.
    fn gate(&self, side: Side, at: Instant, rules: &Rules) -> (Mode, Option<Instant>) {
        let state = self.state.lock();
        let is_named = |word| state.first.as_ref().is_some_and(|first| contains(first, word));
        let mode = match rules.named {
            Some((word, mode)) if is_named(word) => mode,
            _ => rules.all,
        };
        let is_stopped = state
            .stopped
            .is_some_and(|(stopped, releases)| stopped == side && rules.releases == releases);
        let wait = match mode {
            _ if is_stopped => None,
            Mode::BlackHole => None,
            Mode::Delay(delay) => Some(delay),
            Mode::Pass | Mode::Twice => Some(Duration::ZERO),
        };
        (mode, wait.map(|wait| at + wait))
    }

    async fn half_closed(&self, side: Side) {
        if side == Side::Request {
            return std::future::pending().await;
        }
        let mut changes = self.shared.rules.subscribe();
        drop(changes.wait_for(|now| now.halves > self.halves).await);
    }
}
