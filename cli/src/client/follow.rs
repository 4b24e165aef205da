//! Follows one document until it settles: asks for it with the entity tag of the last answer, soon after a change and
//! more rarely while nothing moves. Shows nothing; each change is handed to the caller.

use std::time::Duration;

use tokio::time::Instant;

use super::api::Tagged;
use super::document::{DocumentState, Fetched, Receipt};
use super::{Client, ClientError};

const PAUSE_FIRST: Duration = Duration::from_millis(60);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often a document just accepted may be unknown, before that is believed.
const ABSENCES_MAX: u32 = 5;

/// The end of the user's patience, if there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Option<(Instant, Duration)>,
}

impl Deadline {
    pub(crate) fn after(patience: Option<Duration>) -> Self {
        Self { limit: patience.map(|patience| (Instant::now() + patience, patience)) }
    }

    /// Runs the future, but not past the deadline.
    pub(crate) async fn bound<T>(
        self,
        future: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        match self.limit {
            None => future.await,
            Some((at, patience)) => tokio::time::timeout_at(at, future)
                .await
                .unwrap_or(Err(ClientError::WaitedTooLong { after: patience })),
        }
    }
}

/// How a document ended up.
#[derive(Debug, Clone)]
pub(crate) enum Settled {
    Ready(Fetched<DocumentState>),
    /// Failed or cancelled.
    Unfinished(Fetched<DocumentState>),
    /// Deleted and verified; the receipt if the server gave one.
    Deleted {
        receipt: Option<Receipt>,
    },
}

/// One document being followed.
#[derive(Debug)]
pub(crate) struct Following<'a> {
    client: &'a Client,
    document_id: &'a str,
    etag: Option<String>,
    /// The last answer, for servers and proxies that send no entity tag.
    seen: String,
    absences: u32,
    until_deleted: bool,
}

impl<'a> Following<'a> {
    /// Until it is ready, failed, cancelled or deleted.
    pub(crate) fn until_settled(client: &'a Client, document_id: &'a str) -> Self {
        Self { client, document_id, etag: None, seen: String::new(), absences: 0, until_deleted: false }
    }

    /// Passes over the state it had before an order that changes it, should the server still show that.
    pub(crate) fn changed_from(mut self, before: &Fetched<DocumentState>) -> Self {
        self.seen.clone_from(&before.text);
        self
    }

    /// Until its deletion is verified.
    pub(crate) fn until_deleted(client: &'a Client, document_id: &'a str) -> Self {
        Self { client, document_id, etag: None, seen: String::new(), absences: 0, until_deleted: true }
    }

    /// Asks until the document settles; hands on its first state and every change.
    pub(crate) async fn run(
        mut self,
        mut on_change: impl FnMut(&Fetched<DocumentState>),
    ) -> Result<Settled, ClientError> {
        let mut pause = PAUSE_FIRST;
        loop {
            match self.look().await? {
                Look::Settled(settled) => {
                    if let Settled::Ready(state) | Settled::Unfinished(state) = &settled {
                        on_change(state);
                    }
                    return Ok(settled);
                }
                Look::Moving(state) => {
                    on_change(&state);
                    pause = PAUSE_FIRST;
                }
                Look::Same => pause = pause.mul_f64(1.4).min(PAUSE_MAX),
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&mut self) -> Result<Look, ClientError> {
        match self.client.document_if_changed(self.document_id, self.etag.as_deref()).await {
            Ok(None) => Ok(Look::Same),
            Ok(Some(Tagged { state, etag })) => {
                self.etag = etag;
                if state.text == self.seen {
                    return Ok(Look::Same);
                }
                self.seen.clone_from(&state.text);
                Ok(self.judged(state))
            }
            Err(ClientError::Refused(problem)) if problem.status == 410 => {
                // While the purge runs there is no receipt yet.
                if self.until_deleted && problem.receipt.is_none() {
                    return Ok(Look::Same);
                }
                Ok(Look::Settled(Settled::Deleted { receipt: problem.receipt }))
            }
            Err(ClientError::Refused(problem)) if problem.status == 404 && self.absences < ABSENCES_MAX => {
                self.absences += 1;
                Ok(Look::Same)
            }
            Err(error) => Err(error),
        }
    }

    fn judged(&self, state: Fetched<DocumentState>) -> Look {
        match state.value.status.as_str() {
            "ready" if !self.until_deleted => Look::Settled(Settled::Ready(state)),
            "failed" | "cancelled" if !self.until_deleted => Look::Settled(Settled::Unfinished(state)),
            "deleted" => Look::Settled(Settled::Deleted { receipt: None }),
            _ => Look::Moving(state),
        }
    }
}

enum Look {
    Same,
    Moving(Fetched<DocumentState>),
    Settled(Settled),
}
