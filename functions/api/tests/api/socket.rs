//! What only a socket shows: that a client that is still sending comes to read why it was refused.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;

/// More than the buffers of both ends of a loopback connection hold.
const BODY_BYTES: usize = 12 << 20;

async fn connect() -> (Server, TcpStream) {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, server.router.clone()).into_future());
    (server, TcpStream::connect(address).await.unwrap())
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_sender_of_too_much_reads_the_refusal() {
    for head in ["Content-Length: 12582912\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (_server, mut stream) = connect().await;
        let head =
            format!("POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        if head.contains("chunked") {
            stream.write_all(format!("{BODY_BYTES:x}\r\n").as_bytes()).await.unwrap();
        }
        // Blocking senders read nothing until all is written.
        stream.write_all(&vec![b'x'; BODY_BYTES]).await.unwrap();
        if head.contains("chunked") {
            stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
        }
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\"content_too_large\""), "{answer}");
    }
}

#[tokio::test]
async fn a_sender_that_asks_first_is_refused_without_sending() {
    let (_server, mut stream) = connect().await;
    let head = "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
                Content-Length: 12582912\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(!answer.contains("100 Continue"));
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on() {
    let (_server, mut stream) = connect().await;
    let head = "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
                Content-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 "));
    stream.write_all(b"hello").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}
