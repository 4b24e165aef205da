//! Bounds that fit short texts.
#![expect(clippy::expect_used, reason = "bounds that cannot be make a broken test")]

use std::sync::Arc;

use millrace_application::Chunking;
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::ByteSize;
use millrace_ports::TextExtractor;
use millrace_test_support::WordTokenizer;

/// Chunks of one embedding batch: few, so that short texts have several.
pub const BATCH_SIZE: usize = 2;
/// Largest content.
pub const CONTENT_BYTES_MAX: ByteSize = ByteSize::new(1 << 20);

/// Most tokens, here words, of a chunk.
const TOKENS_MAX: u16 = 32;
/// Tokens of a chunk that its predecessor has, too.
const TOKENS_OVERLAP: u16 = 4;

/// Chunks of few words, in small batches.
pub fn small_chunks(extractor: Arc<dyn TextExtractor>) -> Chunking {
    Chunking {
        extractor,
        tokenizer: Arc::new(WordTokenizer),
        policy: ChunkingPolicy::new(TOKENS_MAX, TOKENS_OVERLAP)
            .expect("the bounds are within range")
            .with_counting(TokenCounting::AddsUpAtWhiteSpace),
        batch_size: BATCH_SIZE,
    }
}
