//! Sentences for the stories: commands with their noise filled in, and given / when / then around `decide`.

use millrace_domain::*;

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + milliseconds)
}

pub(crate) fn generation(number: u32) -> Generation {
    Generation::new(number)
}

pub(crate) fn model() -> ModelId {
    ModelId::new("test-model").unwrap()
}

/// A content that differs from others by its number.
pub(crate) fn content(number: u8) -> Content {
    let id = |kind: u8| uuid::Uuid::from_u128(u128::from(kind) << 64 | u128::from(number));
    Content {
        upload_id: UploadId::new(id(1)),
        job_id: JobId::new(id(2)),
        collection: CollectionName::default(),
        filename: format!("file-{number}.txt"),
        declared_media_type: Some("text/plain".into()),
        size_bytes: ByteSize::new(100),
        sha256: ContentHash::from_digest([number; 32]),
        metadata: serde_json::Map::new(),
    }
}

pub(crate) fn upload() -> Command {
    Command::Upload(content(1))
}

pub(crate) fn replace(number: u8) -> Command {
    Command::Replace(content(number))
}

pub(crate) fn extract(number: u32) -> Command {
    Command::RecordExtraction {
        generation: generation(number),
        media_type: "text/plain".into(),
        pages: 0,
        text_bytes: ByteSize::new(90),
        title: None,
        attempts: None,
    }
}

pub(crate) fn chunk(number: u32, chunks: u32) -> Command {
    chunk_at(number, 0, chunks)
}

/// Chunks recorded by a worker at a retry.
pub(crate) fn chunk_at(number: u32, retry: u32, chunks: u32) -> Command {
    let tokens = u64::from(chunks) * 10;
    let (generation, batch_size, attempts) = (generation(number), 2, None);
    Command::RecordChunks { generation, retry, chunks, tokens, batch_size, attempts }
}

pub(crate) fn embed(number: u32, batch: u32) -> Command {
    embed_at(number, 0, batch)
}

/// A batch recorded by a worker at a retry.
pub(crate) fn embed_at(number: u32, retry: u32, batch: u32) -> Command {
    Command::RecordEmbeddedBatch {
        generation: generation(number),
        retry,
        batch: BatchIndex::new(batch),
        cached: 0,
        model: model(),
        attempts: None,
        at: at(900),
    }
}

pub(crate) fn fail(number: u32) -> Command {
    Command::FailIngestion {
        generation: generation(number),
        retry: 0,
        stage: Stage::Embed,
        batch: None,
        error_code: ErrorCode::DeadLettered,
        reason: "embedder unavailable".into(),
        attempts: 5,
    }
}

pub(crate) fn retry() -> Command {
    Command::RetryIngestion { job_id: JobId::new(uuid::Uuid::from_u128(77)) }
}

pub(crate) fn purge_vectors(number: u32) -> Command {
    Command::RecordVectorsPurged {
        generation: Some(generation(number)),
        chunks: 1,
        vectors: 1,
        cached_vectors: 0,
        attempts: None,
    }
}

pub(crate) fn purge_content(number: u32) -> Command {
    Command::RecordContentPurged {
        generation: Some(generation(number)),
        blobs: 1,
        bytes: ByteSize::new(1),
        attempts: None,
    }
}

/// The index is purged for a deletion.
pub(crate) fn purge_all_vectors(attempts: Option<u32>) -> Command {
    Command::RecordVectorsPurged { generation: None, chunks: 3, vectors: 3, cached_vectors: 2, attempts }
}

/// The contents are purged for a deletion.
pub(crate) fn purge_all_content(attempts: Option<u32>) -> Command {
    Command::RecordContentPurged { generation: None, blobs: 4, bytes: ByteSize::new(500), attempts }
}

/// A document after some commands, all of which must be accepted.
pub(crate) fn given(commands: impl IntoIterator<Item = Command>) -> Given {
    let mut document = None;
    for command in commands {
        let events =
            decide(document.as_ref(), command.clone()).unwrap_or_else(|e| panic!("{command:?}: {e}"));
        for event in events {
            document = Some(evolve(document, &event, at(0)));
        }
    }
    Given { document }
}

pub(crate) struct Given {
    pub(crate) document: Option<Document>,
}

impl Given {
    pub(crate) fn when(self, command: Command) -> When {
        let outcome = decide(self.document.as_ref(), command);
        When { document: self.document, outcome }
    }
}

pub(crate) struct When {
    document: Option<Document>,
    outcome: Result<Vec<DocumentEvent>, DocumentError>,
}

impl When {
    /// The names of the events, in order; gives the document after them.
    #[track_caller]
    pub(crate) fn then(self, types: &[&str]) -> Document {
        let events = self.outcome.expect("the command was refused");
        let short =
            |event: &DocumentEvent| event.type_name().trim_start_matches("millrace.document.").to_owned();
        assert_eq!(events.iter().map(short).collect::<Vec<_>>(), types);
        let document = events.iter().fold(self.document, |d, event| Some(evolve(d, event, at(0))));
        document.expect("a document exists after a command")
    }

    #[track_caller]
    pub(crate) fn then_refused(self) -> DocumentError {
        self.outcome.expect_err("the command was accepted")
    }
}
