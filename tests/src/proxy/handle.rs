use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::connection;
use super::rules::{Mode, Point, Shared};

/// A running proxy; it stops with this value.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of a port of this machine.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(port: u16) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the proxy's port")?;
        let shared = Arc::<Shared>::default();
        Ok(Proxy {
            address: listener.local_addr()?,
            server: tokio::spawn(serve(listener, port, shared.clone())),
            shared,
        })
    }

    /// Changes what happens to the bytes of all connections, present and future.
    pub fn set(&self, mode: Mode) {
        self.shared.rules.send_modify(|rules| rules.all = mode);
    }

    /// The same for connections whose first bytes hold `word`; the others pass.
    pub fn set_for(&self, word: &'static str, mode: Mode) {
        self.shared
            .rules
            .send_modify(|rules| rules.named = Some((word, mode)));
    }

    /// Stops the next conversation that comes to this point, once.
    pub fn stop_at(&self, point: Point) {
        *self.shared.point.lock() = Some(point);
    }

    /// Waits until a conversation has come to the point.
    ///
    /// # Errors
    /// None does within `deadline`.
    pub async fn stopped(&self, deadline: Duration) -> Result<()> {
        let mut stopped = self.shared.stopped.subscribe();
        let waiting = tokio::time::timeout(deadline, stopped.wait_for(|count| *count > 0)).await;
        waiting
            .with_context(|| format!("not within {deadline:?}: the statement a test stops at"))?
            .context("the proxy is gone")?;
        Ok(())
    }

    /// What was said where a conversation was stopped last, as text.
    #[must_use]
    pub fn held(&self) -> String {
        String::from_utf8_lossy(&self.shared.held.lock()).into_owned()
    }

    /// Lets go on what is stopped.
    pub fn release(&self) {
        self.shared.rules.send_modify(|rules| rules.releases += 1);
    }

    /// Closes every connection; what was stopped is lost.
    pub fn cut(&self) {
        self.shared.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// Says goodbye to every client in the server's name, while the server hears nothing of it.
    pub fn half_close(&self) {
        self.shared.rules.send_modify(|rules| rules.halves += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    open.spawn(connect(client, port, shared.clone()));
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// A server that is down is seen by the client as one that hangs up.
async fn connect(client: TcpStream, port: u16, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    drop(client.set_nodelay(true));
    drop(server.set_nodelay(true));
    connection::carry(client, server, shared).await;
}
