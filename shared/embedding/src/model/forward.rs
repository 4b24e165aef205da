//! The forward pass over the tokens of several texts at once: linear layers over all tokens together, attention text
//! by text, no padding. One thread; whoever wants more threads runs more passes.

use super::weights::{HIDDEN, INNER, Layer, MiniLm, TOKENS_MAX};
use crate::kernels::{self, AttentionScratch, QuantizedRows, Then};

/// Tokens that pass through the feed-forward half together: their inner vectors (64 x 1536 floats) and the weights
/// (1.2 MB) share the second-level cache.
const FEED_FORWARD_ROWS: usize = 64;

/// Buffers of one thread, used again for each pass.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    hidden: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    inner: Vec<f32>,
    quantized: QuantizedRows,
    attention: AttentionScratch,
}

impl MiniLm {
    /// The unit-length vectors of texts, given as token ids with their markers. Ids that the model does not know,
    /// and tokens beyond `TOKENS_MAX`, are the caller's mistake.
    pub(crate) fn embed(&self, texts: &[&[u32]], scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let Scratch { hidden, qkv, context, inner, quantized, attention } = scratch;
        let hidden = room(hidden, tokens * HIDDEN);
        let qkv = room(qkv, tokens * 3 * HIDDEN);
        let context = room(context, tokens * HIDDEN);
        let inner = room(inner, FEED_FORWARD_ROWS * INNER);
        self.look_up(texts, hidden);
        for layer in &self.layers {
            quantized.quantize(hidden, HIDDEN);
            kernels::apply(&layer.attention, quantized, qkv, Then::Store);
            attend(texts, qkv, context, attention);
            quantized.quantize(context, HIDDEN);
            kernels::apply(&layer.attention_out, quantized, hidden, Then::Add);
            kernels::normalize_rows(hidden, &layer.attention_norm.gain, &layer.attention_norm.bias);
            feed_forward(layer, hidden, inner, quantized);
        }
        let mut rest = &*hidden;
        let pooled = texts.iter().map(|text| {
            let (head, tail) = rest.split_at(text.len() * HIDDEN);
            rest = tail;
            kernels::pool(head, HIDDEN)
        });
        pooled.collect()
    }

    fn look_up(&self, texts: &[&[u32]], hidden: &mut [f32]) {
        let mut rows = hidden.chunks_exact_mut(HIDDEN);
        for text in texts {
            assert!(text.len() <= TOKENS_MAX, "text has {} tokens", text.len());
            for (&id, position) in text.iter().zip(self.positions.chunks_exact(HIDDEN)) {
                let word = &self.words[id as usize * HIDDEN..][..HIDDEN];
                let row = rows.next().expect("one row a token");
                kernels::add_embedding(word, self.word_scale, self.word_zero, position, row);
            }
        }
        let norm = &self.embedding_norm;
        kernels::normalize_rows(hidden, &norm.gain, &norm.bias);
    }
}

/// Attention within each text.
fn attend(texts: &[&[u32]], mut qkv: &[f32], mut context: &mut [f32], scratch: &mut AttentionScratch) {
    for text in texts {
        let (head, tail) = qkv.split_at(text.len() * 3 * HIDDEN);
        let (out, rest) = context.split_at_mut(text.len() * HIDDEN);
        kernels::attend(head, HIDDEN, out, scratch);
        (qkv, context) = (tail, rest);
    }
}

fn feed_forward(layer: &Layer, hidden: &mut [f32], inner: &mut [f32], quantized: &mut QuantizedRows) {
    for block in hidden.chunks_mut(FEED_FORWARD_ROWS * HIDDEN) {
        let inner = &mut inner[..block.len() / HIDDEN * INNER];
        quantized.quantize(block, HIDDEN);
        kernels::apply(&layer.expand, quantized, inner, Then::Gelu);
        quantized.quantize(inner, INNER);
        kernels::apply(&layer.contract, quantized, block, Then::Add);
        kernels::normalize_rows(block, &layer.feed_forward_norm.gain, &layer.feed_forward_norm.bias);
    }
}

/// The first `length` numbers of a buffer, which grows if it must. What is in them is left over from other passes.
fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
