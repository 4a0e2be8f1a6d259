use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// One answered request: when it was answered, and how long that took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) at: Instant,
    pub(super) took: Duration,
}

/// Sends each token once through `connections` connections that are kept open, each waiting for its answer
/// before it sends the next; what was answered in the order of the answers. As little as possible is done
/// here, because it is done on the processors that the server needs.
pub(super) async fn run(address: SocketAddr, tokens: &[String], connections: usize) -> Result<Vec<Done>> {
    let requests: Arc<Vec<String>> = Arc::new(tokens.iter().map(|token| request(token)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let ready = Arc::new(Barrier::new(connections));
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(address, requests.clone(), next.clone(), ready.clone()));
    }
    let mut all = Vec::with_capacity(tokens.len());
    while let Some(done) = clients.join_next().await {
        all.extend(done??);
    }
    all.sort_by_key(|done| done.at);
    Ok(all)
}

/// RFC 8693 as a form. Tokens hold nothing that needs an escape.
fn request(token: &str) -> String {
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
    format!(
        "POST /token HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn client(
    address: SocketAddr,
    requests: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
    ready: Arc<Barrier>,
) -> Result<Vec<Done>> {
    let connected = TcpStream::connect(address).await;
    ready.wait().await;
    let mut stream = connected.context("connecting")?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut done = Vec::new();
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        buffer.clear();
        while !is_whole(&buffer) {
            ensure!(
                stream.read_buf(&mut buffer).await? > 0,
                "the server hung up: {}",
                String::from_utf8_lossy(&buffer)
            );
        }
        let at = Instant::now();
        ensure!(
            buffer.starts_with(b"HTTP/1.1 200 "),
            "refused: {}",
            String::from_utf8_lossy(&buffer)
        );
        done.push(Done {
            at,
            took: at.duration_since(sent),
        });
    }
    Ok(done)
}

/// Whether head and body are here.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let fields = String::from_utf8_lossy(&answer[..head]);
    let length = fields
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= head + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert!(is_whole(answer));
        assert!(!is_whole(&answer[..answer.len() - 1]));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n"));
    }
}
