//! Clients that speak no HTTP, too much of it, or too slowly, beside ones that do. What each limit does by itself is tested
//! beside the server in `src/serve/http_server.rs`.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::DEADLINE;
use crate::node::{Folder, Node};

/// Connections that say half a head and then nothing.
const SLOW_CLIENTS: usize = 300;

async fn connect(node: &Node) -> TcpStream {
    TcpStream::connect(node.url.trim_start_matches("http://")).await.unwrap()
}

/// Sends bytes and gives the answer up to the end of the connection; a server that closes early has answered before.
async fn exchange(node: &Node, request: &[u8]) -> String {
    let mut stream = connect(node).await;
    // The server may close before it has read everything.
    let _written = stream.write_all(request).await;
    let _told = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    let _cut = read.expect("the server should have closed the connection long ago");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_and_harms_nobody() {
    let folder = Folder::new();
    let node = folder.start();
    let line = "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\n";
    let requests: [(&str, String, &str); 9] = [
        ("no HTTP", "\u{1}\u{2}\u{3} nothing like a request\r\n\r\n".into(), "400"),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".into(), "400"),
        ("another version", "GET / HTTP/9.9\r\n\r\n".into(), "400"),
        ("a head of a megabyte", format!("{line}X: {}\r\n\r\n", "x".repeat(1 << 20)), "431"),
        ("a thousand headers", format!("{line}{}\r\n", "A: b\r\n".repeat(1_000)), "431"),
        ("an address of a megabyte", format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20)), "4"),
        ("two lengths", format!("{line}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "400"),
        ("a length that is none", format!("{line}Content-Length: -1\r\n\r\n"), "400"),
        ("a body beyond the bound", format!("{line}Content-Length: 999999999999\r\n\r\nab"), "413"),
    ];
    for (what, request, status) in requests {
        let answer = exchange(&node, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
    }
    let id = node.client().upload("a.txt", "zqgood among bad ones").await;
    node.client().ready(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_keep_nobody_waiting() {
    let folder = Folder::new();
    let node = folder.start();
    let mut slow = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let mut stream = connect(&node).await;
        stream.write_all(b"POST /v1/documents HTTP/1.1\r\nHost: loc").await.unwrap();
        slow.push(stream);
    }
    let id = node.client().upload("a.txt", "zqquick among slow ones").await;
    node.client().ready(&id).await;
    assert_eq!(node.client().documents_with("zqquick").await, [id.as_str()]);
    // Each is cut off in the end, without an answer.
    for mut stream in slow {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        let _reset = read.expect("a slow client keeps its connection");
    }
}
