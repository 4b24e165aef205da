//! Documents, events and appends for tests, made through the domain's own `decide` and `evolve`, so that no test
//! works with a history that cannot happen.
#![expect(clippy::expect_used, reason = "a builder that cannot build is a broken test")]

use millrace_domain::{
    BatchIndex, ByteSize, CollectionName, Command, Content, ContentHash, Document, DocumentKey, ErrorCode,
    EventEnvelope, Generation, ModelId, TenantId, Timestamp, Trace, Version, decide, evolve,
};
use millrace_ports::{Append, Claim, DocumentView, IdGenerator, SNAPSHOT_EVERY};

use crate::SIM_START;

/// A tenant.
pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("the test names a valid tenant")
}

/// A collection.
pub fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).expect("the test names a valid collection")
}

/// A model.
pub fn model(name: &str) -> ModelId {
    ModelId::new(name).expect("the test names a valid model")
}

/// A hash that differs for different numbers.
pub fn hash(number: u64) -> ContentHash {
    let mut digest = [0_u8; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    ContentHash::from_digest(digest)
}

/// A document of a tenant.
pub fn new_key(ids: &dyn IdGenerator, tenant_name: &str) -> DocumentKey {
    DocumentKey { tenant_id: tenant(tenant_name), document_id: ids.document_id() }
}

/// A document whose history grows by commands; each gives the append that a use case would make.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its name.
    pub key: DocumentKey,
    /// Its state; none before the upload.
    pub document: Option<Document>,
    /// When the next event happens; each command is a second later than the one before.
    pub now: Timestamp,
    /// Its collection.
    pub collection: CollectionName,
    /// Snapshots are added where they are due.
    pub snapshots: bool,
}

impl Story {
    /// A document that was not uploaded yet.
    pub fn new(key: DocumentKey) -> Self {
        Self { key, document: None, now: SIM_START, collection: CollectionName::default(), snapshots: true }
    }

    /// A new document of a tenant.
    pub fn of(ids: &dyn IdGenerator, tenant_name: &str) -> Self {
        Self::new(new_key(ids, tenant_name))
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.document.as_ref().map_or(Version::NONE, |document| document.version)
    }

    /// Its state.
    ///
    /// # Panics
    /// Before the upload.
    pub fn state(&self) -> &Document {
        self.document.as_ref().expect("the document was uploaded")
    }

    /// Its view.
    pub fn view(&self) -> DocumentView {
        DocumentView { key: self.key.clone(), document: self.state().clone() }
    }

    /// Decides a command and folds its events.
    ///
    /// # Panics
    /// If the domain refuses the command or it changes nothing.
    pub fn apply(&mut self, ids: &dyn IdGenerator, command: Command) -> Append {
        self.apply_all(ids, vec![command])
    }

    /// Several commands in one append.
    ///
    /// # Panics
    /// If the domain refuses one or they change nothing.
    pub fn apply_all(&mut self, ids: &dyn IdGenerator, commands: Vec<Command>) -> Append {
        let expected = self.version();
        let mut events = Vec::new();
        for command in commands {
            let decided = decide(self.document.as_ref(), command).expect("the story's command is possible");
            for event in decided {
                self.document = Some(evolve(self.document.take(), &event, self.now));
                events.push(EventEnvelope {
                    id: ids.event_id(),
                    time: self.now,
                    document_id: self.key.document_id,
                    sequence: self.version(),
                    tenant_id: self.key.tenant_id.clone(),
                    trace: trace(ids),
                    idempotency_key: None,
                    event,
                });
            }
        }
        assert!(!events.is_empty(), "the story's commands change something");
        self.now = self.now.plus_millis(1_000);
        let document = self.state();
        let crossed = expected.get() / SNAPSHOT_EVERY < document.version.get() / SNAPSHOT_EVERY;
        let snapshot = (crossed && self.snapshots).then(|| Box::new(document.clone()));
        Append { key: self.key.clone(), expected, events, head: document.head(), snapshot, completes: None }
    }

    /// The first content.
    pub fn upload(&mut self, ids: &dyn IdGenerator) -> Append {
        let content = self.content(ids, "report.pdf");
        self.apply(ids, Command::Upload(content))
    }

    /// Another content.
    pub fn replace(&mut self, ids: &dyn IdGenerator, filename: &str) -> Append {
        let content = self.content(ids, filename);
        self.apply(ids, Command::Replace(content))
    }

    /// The text of the current content.
    pub fn extract(&mut self, ids: &dyn IdGenerator) -> Append {
        let generation = self.generation();
        let command = Command::RecordExtraction {
            generation,
            media_type: "application/pdf".into(),
            pages: 3,
            text_bytes: ByteSize::new(9_000),
            title: None,
            attempts: Some(1),
        };
        self.apply(ids, command)
    }

    /// The chunks of the current content.
    pub fn chunk(&mut self, ids: &dyn IdGenerator, chunks: u32, batch_size: u32) -> Append {
        let (generation, retry, attempts) = (self.generation(), self.retries(), Some(1));
        let tokens = u64::from(chunks) * 100;
        let command = Command::RecordChunks { generation, retry, chunks, tokens, batch_size, attempts };
        self.apply(ids, command)
    }

    /// The vectors of one batch.
    pub fn embed(&mut self, ids: &dyn IdGenerator, batch: u32) -> Append {
        let command = Command::RecordEmbeddedBatch {
            generation: self.generation(),
            retry: self.retries(),
            batch: BatchIndex::new(batch),
            cached: 0,
            model: model("test-model"),
            attempts: Some(1),
            at: self.now,
        };
        self.apply(ids, command)
    }

    /// Gives the current content up.
    pub fn fail(&mut self, ids: &dyn IdGenerator) -> Append {
        let command = Command::FailIngestion {
            generation: self.generation(),
            retry: self.retries(),
            stage: self.state().stage,
            batch: None,
            error_code: ErrorCode::Corrupt,
            reason: "cross-reference table is missing".into(),
            attempts: 1,
        };
        self.apply(ids, command)
    }

    /// A classifier's verdict.
    pub fn classify(&mut self, ids: &dyn IdGenerator, label: &str) -> Append {
        let command = self.classification(label);
        self.apply(ids, command)
    }

    /// A classifier that cannot make up its mind: one event for each number, in one append.
    pub fn waver(&mut self, ids: &dyn IdGenerator, numbers: std::ops::Range<u32>) -> Append {
        let commands = numbers.map(|number| self.classification(&format!("label-{number}"))).collect();
        self.apply_all(ids, commands)
    }

    /// The tombstone.
    pub fn delete(&mut self, ids: &dyn IdGenerator) -> Append {
        self.apply(ids, Command::RequestDeletion)
    }

    /// The purge and the receipt.
    pub fn purge(&mut self, ids: &dyn IdGenerator) -> Append {
        let attempts = Some(1);
        let vectors = Command::RecordVectorsPurged {
            generation: None,
            chunks: 0,
            vectors: 0,
            cached_vectors: 0,
            attempts,
        };
        let content =
            Command::RecordContentPurged { generation: None, blobs: 1, bytes: ByteSize::new(10), attempts };
        self.apply_all(ids, vec![vectors, content, Command::CompleteDeletion { attempts, at: self.now }])
    }

    /// From upload to ready, in as many appends as steps.
    pub fn ingest(&mut self, ids: &dyn IdGenerator, chunks: u32) -> Vec<Append> {
        vec![self.upload(ids), self.extract(ids), self.chunk(ids, chunks, chunks), self.embed(ids, 0)]
    }

    fn retries(&self) -> u32 {
        self.state().retries
    }

    fn generation(&self) -> Generation {
        self.state().generation
    }

    fn classification(&self, label: &str) -> Command {
        Command::Classify {
            generation: self.generation(),
            label: label.into(),
            confidence: 0.75,
            model_version: "test".into(),
        }
    }

    fn content(&self, ids: &dyn IdGenerator, filename: &str) -> Content {
        Content {
            upload_id: ids.upload_id(),
            job_id: ids.job_id(),
            collection: self.collection.clone(),
            filename: filename.into(),
            declared_media_type: Some("application/pdf".into()),
            size_bytes: ByteSize::new(12_345),
            sha256: hash(self.version().get()),
            metadata: serde_json::Map::new(),
        }
    }
}

/// The same append, completing a claim.
#[must_use]
pub fn completing(append: Append, claim: &Claim, result: &str) -> Append {
    Append { completes: Some((claim.clone(), result.to_owned())), ..append }
}

/// A new origin.
pub fn trace(ids: &dyn IdGenerator) -> Trace {
    Trace { correlation_id: ids.correlation_id(), causation_id: None, traceparent: None }
}
