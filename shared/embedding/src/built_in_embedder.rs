//! `BuiltInEmbedder`: the `Embedder` port over the model in this process. It decides what is computed together and
//! on which threads; the computing is `model`'s. Keeps no passage vectors: caching those is its caller's choice.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use millrace_domain::ModelId;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use tokio::sync::mpsc;

use crate::model::{MiniLm, ModelFileError, Scratch, TOKENS_MAX};
use crate::query_cache::QueryCache;
use crate::word_piece::WordPieceTokenizer;
use crate::workers::{Lane, Priority};

/// Text that one pass over the model takes, in bytes: about 700 tokens. Larger passes gain nothing, since the
/// weights of a layer then come from memory rarely enough, and smaller ones spread better over threads.
const PASS_BYTES_MAX: usize = 3_000;
/// What the beginning of a text that the model looks at can have in bytes, for estimates.
const TEXT_BYTES_MAX: usize = 1_200;
/// Query vectors kept: 1.5 KB each.
const QUERIES_KEPT: usize = 256;

/// What the built-in embedder's model is called and takes, without loading it: 384 dimensions, 254 tokens.
pub fn built_in_model() -> EmbeddingModel {
    EmbeddingModel {
        id: ModelId::new("all-MiniLM-L6-v2-int8").expect("a valid model id"),
        dimensions: 384,
        tokens_max: TOKENS_MAX as u16 - 2,
    }
}

/// all-MiniLM-L6-v2 with 8-bit weights, in this process.
///
/// Vectors have 384 numbers; texts are looked at up to 254 tokens. Activations are quantised per token (and inside
/// attention per token and head), not per batch: a text's vector does not depend on what is embedded beside it.
/// Other engines running the same file quantise activations per batch; their vectors differ from these as much as
/// from their own for another batch (cosine about 0.99), so the model id is the same.
#[derive(Debug)]
pub struct BuiltInEmbedder {
    model: EmbeddingModel,
    engine: Arc<Engine>,
    passages: Lane,
    queries: Lane,
    threads: NonZeroUsize,
    cache: QueryCache,
}

/// What the threads share; read at first use, by whichever thread comes first.
#[derive(Debug)]
struct Engine {
    files: Files,
    loaded: OnceLock<Result<Loaded, ModelFileError>>,
}

#[derive(Debug)]
struct Loaded {
    model: MiniLm,
    tokenizer: Arc<WordPieceTokenizer>,
}

enum Files {
    #[cfg(feature = "bundled-model")]
    Bundled,
    Given {
        model: Cow<'static, [u8]>,
        tokenizer: Arc<WordPieceTokenizer>,
    },
}

impl BuiltInEmbedder {
    /// The model that is part of this binary, on `threads` threads for passages and one for queries. Costs nothing
    /// until the first use, which reads the weights (about 50 ms); `warm` moves that forward.
    #[cfg(feature = "bundled-model")]
    pub fn bundled(threads: NonZeroUsize) -> Self {
        Self::over(Files::Bundled, threads)
    }

    /// The model from the bytes of its ONNX file, with its tokenizer. Borrowed bytes are not copied.
    /// That it is the right file shows at first use.
    pub fn from_bytes(
        model: impl Into<Cow<'static, [u8]>>,
        tokenizer: Arc<WordPieceTokenizer>,
        threads: NonZeroUsize,
    ) -> Self {
        Self::over(Files::Given { model: model.into(), tokenizer }, threads)
    }

    fn over(files: Files, threads: NonZeroUsize) -> Self {
        Self {
            model: built_in_model(),
            engine: Arc::new(Engine { files, loaded: OnceLock::new() }),
            passages: Lane::new("embed-passages", threads, Priority::Low),
            queries: Lane::new("embed-queries", NonZeroUsize::MIN, Priority::Normal),
            threads,
            cache: QueryCache::new(QUERIES_KEPT),
        }
    }

    /// Reads the weights and starts the threads now instead of at the first use.
    pub async fn warm(&self) -> Result<(), EmbedderError> {
        self.run(&[""], EmbeddingPurpose::Query).await.map(drop)
    }

    /// Which of its instruction sets the arithmetic uses on this processor, for logs and reports.
    pub fn instruction_set() -> &'static str {
        crate::kernels::instruction_set()
    }

    async fn run(&self, texts: &[&str], purpose: EmbeddingPurpose) -> Result<Vec<Embedding>, EmbedderError> {
        let (lane, threads) = match purpose {
            EmbeddingPurpose::Passage => (&self.passages, self.threads.get()),
            EmbeddingPurpose::Query => (&self.queries, 1),
        };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for pass in passes(texts, threads) {
            let (engine, sender) = (Arc::clone(&self.engine), sender.clone());
            lane.submit(move |scratch| {
                // Nobody waits any more: the caller was cancelled.
                if !sender.is_closed() {
                    let vectors = engine.embed(&pass, scratch);
                    // Only fails if the caller was cancelled meanwhile.
                    let _ = sender.send((pass, vectors));
                }
            })?;
        }
        drop(sender);
        let mut embeddings = vec![Embedding(Vec::new()); texts.len()];
        let mut missing = texts.len();
        while let Some((pass, vectors)) = receiver.recv().await {
            let vectors = vectors.map_err(|error| EmbedderError::Invalid(error.to_string()))?;
            missing -= vectors.len();
            for ((index, _), vector) in pass.into_iter().zip(vectors) {
                embeddings[index] = Embedding(vector);
            }
        }
        // A pass that does not answer has panicked, which is a bug; the thread goes on with the next.
        if missing == 0 {
            Ok(embeddings)
        } else {
            Err(EmbedderError::Unavailable("embedding failed".to_owned()))
        }
    }
}

#[async_trait]
impl Embedder for BuiltInEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(
        &self,
        texts: &[&str],
        purpose: EmbeddingPurpose,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        if purpose == EmbeddingPurpose::Passage {
            return self.run(texts, purpose).await;
        }
        let mut found: Vec<Option<Embedding>> = texts.iter().map(|text| self.cache.get(text)).collect();
        let missing: Vec<&str> =
            texts.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(text, _)| *text).collect();
        let mut computed = self.run(&missing, purpose).await?.into_iter();
        for (text, slot) in texts.iter().zip(&mut found) {
            if slot.is_none() {
                *slot = computed.next();
                if let Some(embedding) = slot {
                    self.cache.put(text, embedding);
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

impl Engine {
    fn embed(
        &self,
        pass: &[(usize, String)],
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>, ModelFileError> {
        let loaded = self.loaded.get_or_init(|| self.files.load()).as_ref().map_err(Clone::clone)?;
        let tokens: Vec<Vec<u32>> = pass
            .iter()
            .map(|(_, text)| {
                let mut ids = Vec::with_capacity(TOKENS_MAX);
                loaded.tokenizer.encode(text, TOKENS_MAX, &mut ids);
                ids
            })
            .collect();
        let tokens: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
        Ok(loaded.model.embed(&tokens, scratch))
    }
}

impl Files {
    fn load(&self) -> Result<Loaded, ModelFileError> {
        match self {
            #[cfg(feature = "bundled-model")]
            Self::Bundled => Ok(Loaded {
                model: MiniLm::load(&Cow::Borrowed(crate::bundled::MODEL))?,
                tokenizer: crate::bundled::tokenizer(),
            }),
            Self::Given { model, tokenizer } => {
                Ok(Loaded { model: MiniLm::load(model)?, tokenizer: Arc::clone(tokenizer) })
            }
        }
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "bundled-model")]
            Self::Bundled => f.write_str("Bundled"),
            Self::Given { model, .. } => write!(f, "Given({} bytes)", model.len()),
        }
    }
}

/// Divides texts into passes of about the same size, each with the texts' positions; longest texts first, so that
/// the threads end at about the same time. Every pass copies its texts, since it may outlive its caller.
fn passes(texts: &[&str], threads: usize) -> Vec<Vec<(usize, String)>> {
    let size = |text: &str| text.len().clamp(16, TEXT_BYTES_MAX);
    let total: usize = texts.iter().map(|text| size(text)).sum();
    let limit = total.div_ceil(threads).clamp(1, PASS_BYTES_MAX);
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(size(texts[*index])));
    let (mut passes, mut bytes) = (Vec::<Vec<(usize, String)>>::new(), 0);
    for index in order {
        let size = size(texts[index]);
        if passes.is_empty() || bytes + size > limit {
            passes.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(pass) = passes.last_mut() {
            pass.push((index, texts[index].to_owned()));
        }
    }
    passes
}
