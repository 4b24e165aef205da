//! The sample invocations under `events/`: found, read and named. What each must lead to is the tests'.
#![expect(clippy::expect_used, reason = "a sample that cannot be read is a broken test")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use millrace_application::Context;
use millrace_domain::{
    ByteSize, Collection, CollectionName, Command, Content, ContentHash, DocumentId, DocumentKey, Generation,
    Job, QueueName,
};
use millrace_ports::{BlobKey, Clock as _, Embedder as _, IdGenerator as _};
use millrace_test_support::builders::{tenant, trace};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::World;

/// Whose documents the samples are about.
pub const SAMPLE_TENANT: &str = "acme";

/// The documents that the samples name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleDocument {
    /// The one that most of them are about.
    Report,
    /// A good one beside it.
    Neighbour,
    /// One whose content breaks its format.
    Broken,
    /// One that was never uploaded.
    Unknown,
}

impl SampleDocument {
    /// Its name.
    pub fn key(self) -> DocumentKey {
        let id = match self {
            Self::Report => "0199a000-0000-7000-8000-000000000001",
            Self::Neighbour => "0199a000-0000-7000-8000-000000000002",
            Self::Broken => "0199a000-0000-7000-8000-000000000003",
            Self::Unknown => "0199a000-0000-7000-8000-0000000000ff",
        };
        let document_id: DocumentId = id.parse().expect("the id is a UUID in lower case");
        DocumentKey { tenant_id: tenant(SAMPLE_TENANT), document_id }
    }
}

impl World {
    /// Uploads a text as a sample's document, without sending its job: the sample is the job.
    pub async fn begin(&self, document: SampleDocument, text: &str) -> DocumentKey {
        let (key, upload_id) = (document.key(), self.ids.upload_id());
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.behind.blobs.put(&BlobKey::source(&key, upload_id), bytes).await.expect("memory suffices");
        self.use_collection(&key).await;
        let content = Content {
            upload_id,
            job_id: self.ids.job_id(),
            collection: CollectionName::default(),
            filename: "report.txt".into(),
            declared_media_type: Some("text/plain".into()),
            size_bytes: ByteSize::new(text.len() as u64),
            sha256: ContentHash::from_digest(Sha256::digest(text).into()),
            metadata: serde_json::Map::new(),
        };
        let context = Context::of(&trace(&*self.ids));
        self.documents
            .create(&key, &context, Command::Upload(content))
            .await
            .expect("the document does not exist yet");
        key
    }

    /// The first upload to a collection makes it.
    async fn use_collection(&self, key: &DocumentKey) {
        let model = self.embedder.model();
        let model = (model.id.clone(), model.dimensions);
        let name = CollectionName::default();
        let collection = Collection::new(key.tenant_id.clone(), name, model, self.clock.now());
        self.behind.collections.create_if_absent(collection).await.expect("memory suffices");
    }

    /// The same, chunked and found by words; its embed jobs are lost.
    pub async fn begin_chunked(&self, document: SampleDocument, text: &str) -> DocumentKey {
        let key = self.begin(document, text).await;
        self.send(&key, Job::IngestDocument { generation: Generation::FIRST }).await;
        self.deliver(QueueName::Ingest, 1).await;
        self.drop_messages(QueueName::Embed).await;
        key
    }

    /// The same, ready.
    pub async fn begin_ready(&self, document: SampleDocument, text: &str) -> DocumentKey {
        let key = self.begin(document, text).await;
        self.send(&key, Job::IngestDocument { generation: Generation::FIRST }).await;
        self.settle().await;
        key
    }
}

fn folder(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

/// One sample of a function.
///
/// # Panics
/// If it is not there or not of this shape.
pub fn sample<T: DeserializeOwned>(function: &str, case: &str) -> T {
    let path = folder(function).join(format!("{case}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all samples of a function.
///
/// # Panics
/// If its folder is not there.
pub fn sample_names(function: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(function)).expect("the function has a folder of samples");
    let name = |entry: std::fs::DirEntry| {
        entry.file_name().to_string_lossy().strip_suffix(".json").map(str::to_owned)
    };
    let mut names: Vec<_> =
        entries.filter_map(|entry| name(entry.expect("the folder can be read"))).collect();
    names.sort_unstable();
    names
}
