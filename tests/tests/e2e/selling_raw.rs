//! Bytes on a socket, for requests and answers that no client or server would write.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::scene::SOON;

/// Sends bytes and returns all that is answered until the other side closes.
pub(crate) async fn said(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes.as_ref()).await?;
    rest(&mut stream).await
}

/// Everything until the other side closes. A reset counts as closing.
pub(crate) async fn rest(stream: &mut TcpStream) -> Result<String> {
    let mut said = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut said)).await;
    drop(read.context("the connection is still open")?);
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The status of each answer, in order.
pub(crate) fn statuses(said: &str) -> Vec<u16> {
    let answers = said.split("HTTP/1.1 ").skip(1);
    answers
        .filter_map(|answer| answer.get(..3)?.parse().ok())
        .collect()
}

/// Whether a request was refused as malformed, or the connection closed without a word.
pub(crate) fn refused(said: &str) -> bool {
    said.is_empty() || said.starts_with("HTTP/1.1 400")
}

/// An endpoint that keeps the bytes of each request and answers with bytes.
pub(crate) struct Tape {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// A plain answer.
pub(crate) const REPORT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nreport";

impl Tape {
    pub(crate) async fn start(answer: &'static str) -> Result<Tape> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(record(stream, answer, kept.clone()));
            }
        });
        Ok(Tape { address, seen, task })
    }

    /// The requests so far, head and body.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// The only request so far.
    pub(crate) fn only(&self) -> String {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen[0].clone()
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(mut stream: TcpStream, answer: &'static str, seen: Arc<Mutex<Vec<String>>>) {
    let mut buffer = Vec::new();
    loop {
        while !is_whole(&buffer) {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let request = String::from_utf8_lossy(&std::mem::take(&mut buffer)).into_owned();
        seen.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(request);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The gateway frames requests plainly and sends the next one only after the answer.
fn is_whole(buffer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(buffer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    if head.contains("\r\ntransfer-encoding:") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.split("\r\ncontent-length:").nth(1).map(|rest| {
        let value = rest.split("\r\n").next().unwrap_or_default();
        value.trim().parse().unwrap_or(0)
    });
    body.len() >= length.unwrap_or(0)
}
