//! The HTTP/1.1 server under the facilitator API and the gateway: how many connections, how large a head,
//! how long a client may take to send one. TLS is a proxy's work.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use super::patient::Patient;

/// A body on its way out.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; one more is answered 503 and closed.
    pub connections: usize,
    /// Time for a request's head, and for idling between two requests.
    pub head_timeout: Duration,
    /// Time for a client to take the next piece of an answer.
    pub write_timeout: Duration,
    /// Bytes of a request's head; more is answered 431.
    pub head_bytes: usize,
    /// Time for answers under way when the server stops.
    pub grace: Duration,
}

/// Header fields a request may have; more is answered 431.
const MAX_FIELDS: usize = 100;

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves until stopped; then answers under way are finished, within `limits.grace`.
pub async fn serve<H: Handler>(
    listener: Arc<TcpListener>,
    limits: Limits,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: try again when some were closed.
                error!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let (handler, stop) = (handler.clone(), stop.clone());
                tracker.spawn(async move {
                    connection(stream, peer, limits, handler, stop).await;
                    drop(place);
                });
            }
            Err(_) => drop(tracker.spawn(refuse(stream))),
        }
    }
    tracker.close();
    if timeout(limits.grace, tracker.wait()).await.is_err() {
        debug!(left = tracker.len(), "connections were cut off");
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok::<_, std::convert::Infallible>(handler.handle(request, peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.write_timeout)), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection ended");
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = timeout(Duration::from_secs(1), async {
        stream.write_all(BUSY).await?;
        stream.shutdown().await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tokio::io::AsyncReadExt;

    use super::*;

    struct Hello;

    impl Handler for Hello {
        async fn handle(self: Arc<Self>, _: Request<Incoming>, _: SocketAddr) -> Response<Body> {
            Response::new(Full::from("hello").map_err(|never| match never {}).boxed_unsync())
        }
    }

    const LIMITS: Limits = Limits {
        connections: 1,
        head_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_secs(10),
        head_bytes: 8192,
        grace: Duration::from_secs(5),
    };

    async fn served() -> SocketAddr {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, LIMITS, Arc::new(Hello), CancellationToken::new()));
        address
    }

    /// Everything the server says until it closes.
    async fn until_closed(stream: &mut TcpStream) -> String {
        let mut said = Vec::new();
        let read = stream.read_to_end(&mut said);
        let _ = timeout(Duration::from_secs(10), read)
            .await
            .expect("the server closes");
        String::from_utf8_lossy(&said).into_owned()
    }

    async fn say(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        until_closed(&mut stream).await
    }

    #[tokio::test]
    async fn one_connection_more_than_allowed_is_told_to_come_back() {
        let address = served().await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut begun = [0; 15];
        first.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200 OK");
        let second = say(address, "").await;
        assert!(second.starts_with("HTTP/1.1 503"), "{second}");
        assert!(second.contains("retry-after: 1"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_head_is_cut_off() {
        let address = served().await;
        let said = say(address, "GET / HTTP/1.1\r\nhost: x\r\nx-slow:").await;
        assert!(!said.contains("200 OK"), "{said}");
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let address = served().await;
        let padding = "a".repeat(2 * LIMITS.head_bytes);
        let said = say(
            address,
            &format!("GET / HTTP/1.1\r\nhost: x\r\nx: {padding}\r\n\r\n"),
        )
        .await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    }

    #[tokio::test]
    async fn too_many_fields_are_refused() {
        let address = served().await;
        let fields = "a: b\r\n".repeat(MAX_FIELDS + 1);
        let said = say(address, &format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    }
}
