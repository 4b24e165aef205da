//! What `serve` prints once it listens: where, with which data, and what to try next.

use std::io::{self, Write};
use std::net::SocketAddr;

use super::ServeArguments;

/// Prints to standard output.
pub(crate) fn print(
    listening: SocketAddr,
    arguments: &ServeArguments,
    asks_for_keys: bool,
) -> io::Result<()> {
    let url = format!("http://{listening}");
    let mut text = format!(
        "Millrace {} listens on {url}\ndata in {}\n\n",
        env!("CARGO_PKG_VERSION"),
        arguments.data_dir.display()
    );
    if asks_for_keys {
        text.push_str("Every request needs a key. Make one, in another terminal:\n");
        text.push_str(&format!(
            "  millrace keys create --data-dir {} --tenant acme\n\n",
            arguments.data_dir.display()
        ));
    }
    text.push_str("Try, in another terminal:\n");
    text.push_str("  millrace upload report.pdf notes.docx page.html\n");
    text.push_str("  millrace search \"what does the report say about costs?\"\n");
    text.push_str(&format!("  curl {url}/v1/documents\n\nCtrl-C stops it; nothing acknowledged is lost.\n"));
    let mut out = io::stdout().lock();
    // Whoever started it may have closed the pipe; the server runs all the same.
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
