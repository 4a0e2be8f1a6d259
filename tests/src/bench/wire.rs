//! As much of HTTP/1.1 as a measurement needs: what is measured should not share its core with a library.

use std::io;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept, with one request on it at a time.
pub(super) struct Link {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Link {
    pub(super) async fn connect(address: std::net::SocketAddr) -> Result<Link> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Link {
            stream,
            buffer: Vec::with_capacity(8192),
        })
    }

    /// Sends a request and reads the answer whole, which must have this status.
    pub(super) async fn expect(&mut self, request: &[u8], wanted: u16) -> Result<()> {
        self.stream.write_all(request).await?;
        let Some(length) = next_message(&mut self.stream, &mut self.buffer).await? else {
            bail!("the connection was closed instead of an answer");
        };
        let answer: Vec<u8> = self.buffer.drain(..length).collect();
        if !answer.starts_with(format!("HTTP/1.1 {wanted}").as_bytes()) {
            bail!("not {wanted}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }
}

/// Reads until the buffer starts with a whole message and returns its length; `None` at the end.
pub(super) async fn next_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(length) = message_length(buffer)
            && buffer.len() >= length
        {
            return Ok(Some(length));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Head and body together, once that can be told. Without a length there is no body.
fn message_length(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap_or_default();
    let field = |wanted: &str| {
        let mut fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
        let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim())
    };
    if field("transfer-encoding").is_some() {
        // From the line before: an empty body is nothing but its last chunk.
        return Some(head + find(&buffer[head - 2..], b"\r\n0\r\n\r\n")? + 5);
    }
    Some(head + field("content-length").map_or(0, |value| value.parse().unwrap_or(0)))
}

/// Where a part stands in a text.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_when_its_body_is() {
        let request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(message_length(request), Some(request.len()));
        assert_eq!(message_length(&request[..20]), None);
        assert_eq!(message_length(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    }

    #[test]
    fn chunks_end_with_an_empty_one() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let whole = [&head[..], b"6\r\nreport\r\n0\r\n\r\n"].concat();
        assert_eq!(message_length(&whole), Some(whole.len()));
        assert_eq!(message_length(&whole[..whole.len() - 2]), None);
        let empty = [&head[..], b"0\r\n\r\n"].concat();
        assert_eq!(message_length(&empty), Some(empty.len()));
    }
}
