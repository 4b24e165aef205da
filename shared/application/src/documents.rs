//! Loads documents from their history and appends what commands decide: the one place where `decide` and `evolve` meet
//! the event store. What to do about a refusal is the use case's business.

use std::sync::Arc;

use millrace_domain::{
    CollectionName, Command, Document, DocumentError, DocumentEvent, DocumentId, DocumentKey, EventEnvelope,
    IdempotencyKey, TenantId, Timestamp, Trace, Version, decide, evolve,
};
use millrace_ports::{Append, Claim, Clock, ErrorKind, EventStore, IdGenerator, PortError, SNAPSHOT_EVERY};

/// How often an append is decided anew after a conflict. Batches of one document finish at the same time, so this
/// must cover as many workers as run at once; beyond it the job returns to its queue.
const CONFLICTS_MAX: usize = 20;

/// The documents, as commands change them.
#[derive(Debug, Clone)]
pub struct Documents {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// What surrounds a command and is not decided upon.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where the command came from.
    pub trace: Trace,
    /// The key of the request, if it carried one.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The version the caller has seen, if it insists on it.
    pub if_version: Option<Version>,
    /// The claim to complete in the same transaction, with the result to remember.
    pub completes: Option<(Claim, String)>,
}

impl Context {
    /// A context of a trace alone.
    pub fn of(trace: &Trace) -> Self {
        Self { trace: trace.clone(), idempotency_key: None, if_version: None, completes: None }
    }

    /// The same, completing a claim with the append.
    #[must_use]
    pub fn completing(self, claim: &Claim, result: impl Into<String>) -> Self {
        Self { completes: Some((claim.clone(), result.into())), ..self }
    }
}

/// What a command brought about.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The document afterwards.
    pub document: Document,
    /// The events appended; none if the command had taken effect before. Then no claim was completed either.
    pub appended: Vec<EventEnvelope>,
}

/// Why a command was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The document refuses it.
    #[error("command refused")]
    Refused(#[source] DocumentError),
    /// The version the caller insisted on is not the current one.
    #[error("document is at version {current}")]
    VersionDiffers {
        /// The current version.
        current: Version,
    },
    /// The event store failed, or conflicts did not end.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Documents {
    /// Documents in a store.
    pub fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { store, clock, ids }
    }

    /// The clock that stamps the events.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Folds a document's history; `None` if it does not exist.
    pub async fn load(&self, key: &DocumentKey) -> Result<Option<Document>, PortError> {
        let Some(history) = self.store.load(key).await? else { return Ok(None) };
        let fold =
            |document, envelope: &EventEnvelope| Some(evolve(document, &envelope.event, envelope.time));
        Ok(history.events.iter().fold(history.snapshot, fold))
    }

    /// The documents of a collection whose deletion was not requested, by id from the newest: those older than `after`, at
    /// most `limit`; fewer than that are the last.
    pub(crate) async fn of_collection(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError> {
        self.store.documents_of(tenant, collection, after, limit).await
    }

    /// Decides one command and appends its events.
    pub async fn execute(
        &self,
        key: &DocumentKey,
        context: &Context,
        command: Command,
    ) -> Result<Executed, ExecuteError> {
        self.execute_all(key, context, vec![command]).await
    }

    /// Decides commands one upon the other and appends all their events in one transaction. A conflict reloads and
    /// decides again, a bounded number of times.
    pub async fn execute_all(
        &self,
        key: &DocumentKey,
        context: &Context,
        commands: Vec<Command>,
    ) -> Result<Executed, ExecuteError> {
        let mut conflict = None;
        for _ in 0..CONFLICTS_MAX {
            let before = self.load(key).await?;
            match self.try_execute(key, context, before, commands.clone()).await {
                Err(ExecuteError::Port(error)) if error.kind == ErrorKind::Conflict => conflict = Some(error),
                other => return other,
            }
        }
        Err(conflict.expect("the loop ended on a conflict").into())
    }

    /// Like `execute` for a document that is known not to exist: spares the load. If it exists after all, the
    /// conflict leads to the ordinary way.
    pub async fn create(
        &self,
        key: &DocumentKey,
        context: &Context,
        command: Command,
    ) -> Result<Executed, ExecuteError> {
        match self.try_execute(key, context, None, vec![command.clone()]).await {
            Err(ExecuteError::Port(error)) if error.kind == ErrorKind::Conflict => {
                self.execute(key, context, command).await
            }
            other => other,
        }
    }

    async fn try_execute(
        &self,
        key: &DocumentKey,
        context: &Context,
        before: Option<Document>,
        commands: Vec<Command>,
    ) -> Result<Executed, ExecuteError> {
        let expected = before.as_ref().map_or(Version::NONE, |document| document.version);
        if let Some(wanted) = context.if_version.filter(|wanted| *wanted != expected) {
            tracing::debug!(%wanted, current = %expected, "version differs");
            return Err(ExecuteError::VersionDiffers { current: expected });
        }
        let now = self.clock.now();
        let mut document = before;
        let mut appended = Vec::new();
        for command in commands {
            for event in decide(document.as_ref(), command).map_err(ExecuteError::Refused)? {
                document = Some(evolve(document, &event, now));
                appended.push(event);
            }
        }
        let document = document.ok_or(ExecuteError::Refused(DocumentError::NotFound))?;
        if appended.is_empty() {
            return Ok(Executed { document, appended: Vec::new() });
        }
        let events = self.envelop(key, context, expected, appended, now);
        let due = expected.get() / SNAPSHOT_EVERY != document.version.get() / SNAPSHOT_EVERY;
        let append = Append {
            key: key.clone(),
            expected,
            events: events.clone(),
            head: document.head(),
            snapshot: due.then(|| Box::new(document.clone())),
            completes: context.completes.clone(),
        };
        self.store.append(append).await?;
        Ok(Executed { document, appended: events })
    }

    fn envelop(
        &self,
        key: &DocumentKey,
        context: &Context,
        expected: Version,
        events: Vec<DocumentEvent>,
        time: Timestamp,
    ) -> Vec<EventEnvelope> {
        let sequences = (expected.get() + 1..).map(Version::new);
        let envelop = |(event, sequence)| EventEnvelope {
            id: self.ids.event_id(),
            time,
            document_id: key.document_id,
            sequence,
            tenant_id: key.tenant_id.clone(),
            trace: context.trace.clone(),
            idempotency_key: context.idempotency_key.clone(),
            event,
        };
        events.into_iter().zip(sequences).map(envelop).collect()
    }
}
