#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Mode, Point, Proxy, Side};

const SOON: Duration = Duration::from_secs(20);

/// A proxied connection and its far end.
async fn pair() -> (Proxy, TcpStream, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap().port()).await.unwrap();
    let client = TcpStream::connect(proxy.address).await.unwrap();
    (proxy, client, server.accept().await.unwrap().0)
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let reading = stream.read_exact(&mut bytes);
    tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    bytes
}

#[tokio::test]
async fn what_is_stopped_arrives_when_it_is_released() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.stop_at(Point {
        words: &["finish", "7"],
        side: Side::Request,
        reply: "",
    });
    client.write_all(b"begin 7;").await.unwrap();
    assert_eq!(read(&mut server, 8).await, b"begin 7;");
    client.write_all(b"finish 7;").await.unwrap();
    proxy.stopped(SOON).await.unwrap();
    let mut early = [0];
    assert!(server.try_read(&mut early).is_err(), "nothing has come through");
    proxy.release();
    assert_eq!(read(&mut server, 9).await, b"finish 7;");
}

#[tokio::test]
async fn a_reply_is_stopped_after_the_request_went_through() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.stop_at(Point {
        words: &["begin"],
        side: Side::Reply,
        reply: "done",
    });
    client.write_all(b"begin").await.unwrap();
    assert_eq!(read(&mut server, 5).await, b"begin");
    server.write_all(b"nothing").await.unwrap();
    assert_eq!(read(&mut client, 7).await, b"nothing", "another reply passes");
    client.write_all(b"begin").await.unwrap();
    assert_eq!(read(&mut server, 5).await, b"begin");
    server.write_all(b"done").await.unwrap();
    proxy.stopped(SOON).await.unwrap();
    assert!(client.try_read(&mut [0]).is_err());
    proxy.cut();
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "it is lost");
}

#[tokio::test]
async fn a_black_hole_keeps_bytes_until_it_is_gone_and_two_replies_are_one_told_twice() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.set_for("hello", Mode::BlackHole);
    client.write_all(b"hello").await.unwrap();
    client.write_all(b"!").await.unwrap();
    proxy.set_for("hello", Mode::Twice);
    assert_eq!(read(&mut server, 6).await, b"hello!");
    server.write_all(b"yes").await.unwrap();
    assert_eq!(read(&mut client, 6).await, b"yesyes");
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_requests() {
    let (proxy, mut client, mut server) = pair().await;
    client.write_all(b"a").await.unwrap();
    assert_eq!(read(&mut server, 1).await, b"a");
    proxy.half_close();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    client.write_all(b"b").await.unwrap();
    assert_eq!(read(&mut server, 1).await, b"b");
}
