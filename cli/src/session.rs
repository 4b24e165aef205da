//! What every client command works with: the server's API and the console.

use crate::arguments::ClientOptions;
use crate::client::{Client, ClientSettings};
use crate::output::Console;

/// One run of a client command.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    pub(crate) console: &'a Console,
}

impl<'a> Session<'a> {
    pub(crate) fn open(options: ClientOptions, console: &'a Console) -> anyhow::Result<Self> {
        if options.api_key.is_some() && options.url.is_exposed() {
            console.note(&format!("the API key travels unencrypted to {}; use https", options.url));
        }
        // An empty variable means no key, as it does for most programs.
        let api_key = options.api_key.filter(|key| !key.trim().is_empty());
        let client = Client::new(ClientSettings { server: options.url, api_key })?;
        Ok(Self { client, console })
    }
}
