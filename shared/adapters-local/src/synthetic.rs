//! Indexes of any size for benchmarks: seeded texts whose words are distributed like those of a language, random
//! vectors, written and published through the ordinary ports. The texts mean nothing, so quality cannot be measured.

use millrace_domain::{
    BatchIndex, ByteSize, ChunkIndex, ChunksEmbedded, CollectionName, ContentHash, CorrelationId, Document,
    DocumentChunked, DocumentEvent, DocumentId, DocumentKey, DocumentUploaded, EventEnvelope, EventId,
    Generation, IngestionCompleted, InvalidId, JobId, ModelId, TenantId, TextExtracted, Timestamp, Trace,
    UploadId, Version, evolve,
};
use millrace_ports::{
    Append, Embedding, ErrorKind, EventStore, IndexTarget, IndexedChunk, IndexedDocument, PortError,
    SearchIndex,
};
use millrace_words::STOP_WORDS;
use uuid::Uuid;

/// Different words of the language.
const VOCABULARY: f64 = 200_000.0;
/// Words of a chunk.
const CHUNK_WORDS: usize = 124;

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticCorpus {
    /// Whose.
    pub tenant_id: TenantId,
    /// Where.
    pub collection: CollectionName,
    /// Chunks altogether.
    pub chunks: u32,
    /// Chunks of each document, at least 1.
    pub chunks_per_document: u32,
    /// Length of the vectors.
    pub dimensions: usize,
    /// The same seed makes the same texts and vectors.
    pub seed: u64,
}

/// Writes and publishes a corpus.
pub async fn fill(
    index: &dyn SearchIndex,
    events: &dyn EventStore,
    corpus: &SyntheticCorpus,
) -> Result<(), PortError> {
    let mut random = Random(corpus.seed);
    let mut left = corpus.chunks;
    while left > 0 {
        let count = corpus.chunks_per_document.clamp(1, left);
        left -= count;
        let document_id = DocumentId::new(random.uuid());
        let key = DocumentKey { tenant_id: corpus.tenant_id.clone(), document_id };
        let target =
            IndexTarget { key, collection: corpus.collection.clone(), generation: Generation::FIRST };
        let filename = format!("{document_id}.txt");
        let document = IndexedDocument { target, filename, metadata: serde_json::Map::new() };
        let chunks: Vec<_> = (0..count).map(|index| random.chunk(index)).collect();
        let vectors: Vec<_> =
            (0..count).map(|index| (ChunkIndex::new(index), random.unit_vector(corpus.dimensions))).collect();
        index.put_words(&document, &chunks).await?;
        index.put_vectors(&document.target, &vectors).await?;
        publish(events, &document, count).await?;
    }
    Ok(())
}

/// Questions in the words of a corpus, with random vectors.
pub fn questions(seed: u64, count: usize, dimensions: usize) -> Vec<(String, Embedding)> {
    let mut random = Random(!seed);
    let mut question = || {
        let words = 4 + (random.next() % 9) as usize;
        (format!("what is the {}", random.words(words)), random.unit_vector(dimensions))
    };
    (0..count).map(|_| question()).collect()
}

/// Publishes the first generation of a document whose words and vectors were written: its whole life in one append.
pub async fn publish(
    events: &dyn EventStore,
    document: &IndexedDocument,
    chunks: u32,
) -> Result<(), PortError> {
    let key = document.target.key.clone();
    let life = life(document, chunks).map_err(|error| {
        PortError::caused(ErrorKind::Invalid, format!("publish document {}", key.document_id), error)
    })?;
    let mut random = Random(key.document_id.as_uuid().as_u64_pair().1);
    let trace =
        Trace { correlation_id: CorrelationId::new(random.uuid()), causation_id: None, traceparent: None };
    let time = Timestamp::from_millis(1_700_000_000_000);
    let mut state: Option<Document> = None;
    let mut envelopes = Vec::new();
    for event in life {
        let after = evolve(state, &event, time);
        envelopes.push(EventEnvelope {
            id: EventId::new(random.uuid()),
            time,
            document_id: key.document_id,
            sequence: after.version,
            tenant_id: key.tenant_id.clone(),
            trace: trace.clone(),
            idempotency_key: None,
            event,
        });
        state = Some(after);
    }
    let Some(state) = state else { return Ok(()) };
    let append = Append {
        key,
        expected: Version::NONE,
        events: envelopes,
        head: state.head(),
        snapshot: None,
        completes: None,
    };
    events.append(append).await.map(drop)
}

fn life(document: &IndexedDocument, chunks: u32) -> Result<Vec<DocumentEvent>, InvalidId> {
    let generation = document.target.generation;
    let model = ModelId::new("synthetic")?;
    let id = document.target.key.document_id.as_uuid();
    Ok(vec![
        DocumentUploaded {
            generation,
            upload_id: UploadId::new(id),
            job_id: JobId::new(id),
            collection: document.target.collection.clone(),
            filename: document.filename.clone(),
            declared_media_type: None,
            size_bytes: ByteSize::new(1),
            sha256: ContentHash::from_digest([0; 32]),
            metadata: document.metadata.clone(),
        }
        .into(),
        TextExtracted {
            generation,
            media_type: "text/plain".into(),
            pages: 0,
            text_bytes: ByteSize::new(1),
            title: None,
            attempts: None,
        }
        .into(),
        DocumentChunked { generation, chunks, tokens: u64::from(chunks), batch_size: chunks, attempts: None }
            .into(),
        ChunksEmbedded {
            generation,
            batch: BatchIndex::new(0),
            chunks,
            cached: 0,
            model: model.clone(),
            attempts: None,
        }
        .into(),
        IngestionCompleted { generation, chunks_created: chunks, processing_time_ms: 0, model }.into(),
    ])
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn chunk(&mut self, index: u32) -> IndexedChunk {
        let start = u64::from(index) * 1_000;
        let text = self.words(CHUNK_WORDS);
        let end = start + text.len() as u64;
        IndexedChunk {
            index: ChunkIndex::new(index),
            page: Some(index / 4 + 1),
            heading: None,
            start,
            end,
            text,
        }
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// The word of rank `r` has probability proportional to `1 / r` (Zipf's law); the most frequent are stop words.
    fn word(&mut self) -> String {
        let rank = VOCABULARY.powf(self.fraction()) as usize;
        match STOP_WORDS.get(rank - 1) {
            Some(word) => (*word).to_owned(),
            None => spell(rank),
        }
    }

    fn unit_vector(&mut self, dimensions: usize) -> Embedding {
        // Sums of four uniform numbers are near enough to normal for directions to be spread evenly.
        let mut values: Vec<f32> =
            (0..dimensions).map(|_| (0..4).map(|_| self.fraction() - 0.5).sum::<f64>() as f32).collect();
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter_mut().for_each(|value| *value /= norm);
        Embedding(values)
    }
}

/// A word that can be spoken, different for each rank.
fn spell(mut rank: usize) -> String {
    let mut word = String::new();
    while rank > 0 {
        word.push(char::from(b"bdfgklmnprstvz"[rank % 14]));
        word.push(char::from(b"aeiou"[rank / 14 % 5]));
        rank /= 70;
    }
    word.push('x');
    word
}
