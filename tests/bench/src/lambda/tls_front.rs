//! TLS in front of the AWS emulator, which speaks none: handshakes cost as much as a function pays for them. It also closes all
//! connections when asked, so that the next call pays for one again. It looks into nothing that passes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How long the other side may take to notice that a connection is closed.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// A running front; dropped, it takes no new connections.
#[derive(Debug)]
pub(crate) struct TlsFront {
    address: SocketAddr,
    /// Counts how often everything was closed. Each open connection holds a receiver.
    closing: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl TlsFront {
    /// Takes `certificate.pem` and `key.pem` from the folder.
    pub(crate) async fn start(emulator: SocketAddr, folder: &Path) -> Result<Self> {
        let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem"))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen for calls to AWS")?;
        let address = listener.local_addr().context("listen for calls to AWS")?;
        let closing = watch::Sender::new(0);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(accept(listener, acceptor, emulator, closing.clone()));
        Ok(Self { address, closing, accepting })
    }

    /// Where functions find AWS.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Closes every connection, and returns when the function has closed its end, too.
    pub(crate) async fn close_connections(&self) -> Result<()> {
        self.closing.send_modify(|times| *times += 1);
        let closed = tokio::time::timeout(CLOSING_TIMEOUT, self.closing.closed()).await;
        closed.context("the function kept its connections open")
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    emulator: SocketAddr,
    closing: watch::Sender<u64>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, closing) = (acceptor.clone(), closing.subscribe());
        // A connection that breaks off is the function's to notice.
        tokio::spawn(async move { forward(stream, &acceptor, emulator, closing).await.ok() });
    }
}

async fn forward(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    emulator: SocketAddr,
    mut closing: watch::Receiver<u64>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut upstream = TcpStream::connect(emulator).await?;
    upstream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    tokio::select! {
        forwarded = copy_bidirectional(&mut stream, &mut upstream) => forwarded.map(drop),
        _ = closing.changed() => {
            stream.shutdown().await?;
            let mut rest = [0; 256];
            while stream.read(&mut rest).await? > 0 {}
            Ok(())
        }
    }
}
