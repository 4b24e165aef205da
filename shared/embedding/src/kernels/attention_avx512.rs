//! Self-attention in AVX-512 VNNI instructions, its two products in integers. That keeps the accuracy because the
//! scales are fine: queries and keys have one per token and head (32 numbers), values one per number of the head and
//! text, attention weights 16 bits, used as two bytes. One scale per tensor instead would ruin the vectors.
//!
//! Per head: `prepare` quantises queries, keys and values of the text; then four queries at a time are scored against
//! all keys, turned into weights, and applied to all values, in buffers that fit the first-level cache.

use archmage::prelude::*;

use super::attention::{HEAD, POWER_OF_TWO};

/// Queries that are worked on together.
const QUERIES: usize = 4;
/// Tokens are padded to two registers of 32-bit sums.
const LANES: usize = 32;
/// Words of four bytes that the 32 numbers of a head fill.
const WORDS: usize = HEAD / 4;

/// Buffers that are used again for each text.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Per token: its query plus 128 (unsigned).
    queries: Vec<[[u8; 4]; WORDS]>,
    query_scales: Vec<f32>,
    /// Per 16 tokens: word by word their keys (signed).
    keys: Vec<[[i32; 16]; WORDS]>,
    /// Per token: what the 128 in each query adds to its sum, negated.
    key_offsets: Vec<i32>,
    key_scales: Vec<f32>,
    /// Per four tokens: a word of their values for each number of the head.
    values: Vec<[[i32; 16]; 2]>,
    value_scales: [[f32; 16]; 2],
    /// Scores of the four queries.
    scores: [Vec<f32>; QUERIES],
    /// The weights of the four queries, high and low bytes.
    weights: [[Vec<u8>; 2]; QUERIES],
}

/// Like `attention::attend`.
#[arcane(import_intrinsics)]
pub(super) fn attend_v4x(_: X64V4xToken, qkv: &[f32], width: usize, out: &mut [f32], scratch: &mut Scratch) {
    let tokens = out.len() / width;
    scratch.resize(tokens);
    for at in (0..width).step_by(HEAD) {
        prepare_queries_and_keys(qkv, width, at, scratch);
        prepare_values(qkv, width, at, scratch);
        let mut query = 0;
        while query + QUERIES <= tokens {
            answer::<QUERIES>(scratch, tokens, query, &mut out[query * width + at..], width);
            query += QUERIES;
        }
        match tokens - query {
            3 => answer::<3>(scratch, tokens, query, &mut out[query * width + at..], width),
            2 => answer::<2>(scratch, tokens, query, &mut out[query * width + at..], width),
            1 => answer::<1>(scratch, tokens, query, &mut out[query * width + at..], width),
            _ => {}
        }
    }
}

impl Scratch {
    /// Makes room for a text. What stands in the padding has no effect but must not be read uninitialised.
    fn resize(&mut self, tokens: usize) {
        let padded = tokens.next_multiple_of(LANES);
        self.queries.resize(tokens, [[0; 4]; WORDS]);
        self.query_scales.resize(tokens, 0.0);
        self.keys.resize(padded / 16, [[0; 16]; WORDS]);
        self.key_offsets.resize(padded, 0);
        self.key_scales.resize(padded, 0.0);
        self.values.resize(tokens.div_ceil(4), [[0; 16]; 2]);
        for query in 0..QUERIES {
            self.scores[query].resize(padded, 0.0);
            for part in &mut self.weights[query] {
                part.resize(padded, 0);
            }
        }
    }
}

/// Quantises the queries and keys of the head that begins at `at`.
#[rite(v4x, import_intrinsics)]
fn prepare_queries_and_keys(qkv: &[f32], width: usize, at: usize, scratch: &mut Scratch) {
    for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
        let (bytes, scale) = quantize(&row[at..], 128);
        let (query, _) = bytes.as_chunks::<4>();
        scratch.queries[token] = *query.first_chunk().expect("a head has eight words");
        // Scores are wanted for powers of two, and divided by the root of the head's length.
        scratch.query_scales[token] = scale * std::f32::consts::LOG2_E / (HEAD as f32).sqrt();

        let (bytes, scale) = quantize(&row[width + at..], 0);
        let mut sum = 0;
        let tile = &mut scratch.keys[token / 16];
        for (word, bytes) in bytes.as_chunks::<4>().0.iter().enumerate() {
            tile[word][token % 16] = i32::from_le_bytes(*bytes);
            sum += bytes.iter().map(|byte| i32::from(byte.cast_signed())).sum::<i32>();
        }
        scratch.key_offsets[token] = -128 * sum;
        scratch.key_scales[token] = scale;
    }
}

/// The 32 numbers of a head as bytes plus `offset`, and what one unit is worth.
#[rite(v4x, import_intrinsics)]
fn quantize(row: &[f32], offset: i32) -> ([u8; HEAD], f32) {
    let (low, high) = (_mm512_loadu_ps(lanes(row)), _mm512_loadu_ps(lanes(&row[16..])));
    let greatest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    let scale = greatest.max(f32::MIN_POSITIVE) / 127.0;
    let (per_unit, offset) = (_mm512_set1_ps(1.0 / scale), _mm512_set1_epi32(offset));
    let byte =
        |x| _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x, per_unit)), offset));
    let mut bytes = [0_u8; HEAD];
    let (first, second) = bytes.split_at_mut(16);
    _mm_storeu_si128(sixteen(first), byte(low));
    _mm_storeu_si128(sixteen(second), byte(high));
    (bytes, scale)
}

/// Quantises the values of the head that begins at `at`, with one scale per number over all tokens.
#[rite(v4x, import_intrinsics)]
fn prepare_values(qkv: &[f32], width: usize, at: usize, scratch: &mut Scratch) {
    let rows = || qkv.chunks_exact(3 * width).map(|row| &row[2 * width + at..]);
    for half in 0..2 {
        let mut greatest = _mm512_set1_ps(f32::MIN_POSITIVE);
        for row in rows() {
            greatest = _mm512_max_ps(greatest, _mm512_abs_ps(_mm512_loadu_ps(lanes(&row[half * 16..]))));
        }
        let scale = _mm512_div_ps(greatest, _mm512_set1_ps(127.0));
        _mm512_storeu_ps(&mut scratch.value_scales[half], scale);
        let per_unit = _mm512_div_ps(_mm512_set1_ps(1.0), scale);
        let mut word = _mm512_setzero_si512();
        for (token, row) in rows().enumerate() {
            let value =
                _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(lanes(&row[half * 16..])), per_unit));
            let byte = _mm512_and_si512(value, _mm512_set1_epi32(0xff));
            let place = _mm512_set1_epi32(token as i32 % 4 * 8);
            word = _mm512_or_si512(word, _mm512_sllv_epi32(byte, place));
            _mm512_storeu_si512(&mut scratch.values[token / 4][half], word);
            if token % 4 == 3 {
                word = _mm512_setzero_si512();
            }
        }
    }
}

/// Attention of `M` queries, `first` and those after it; `out` begins at the first one's place.
#[rite(v4x, import_intrinsics)]
fn answer<const M: usize>(scratch: &mut Scratch, tokens: usize, first: usize, out: &mut [f32], width: usize) {
    let highest = score::<M>(scratch, tokens, first);
    let mut totals = [0.0; M];
    for q in 0..M {
        let [high, low] = &mut scratch.weights[q];
        totals[q] = weigh(&scratch.scores[q], highest[q], high, low);
    }
    let sums = apply::<M>(scratch);
    for q in 0..M {
        for half in 0..2 {
            let scale =
                _mm512_div_ps(_mm512_loadu_ps(&scratch.value_scales[half]), _mm512_set1_ps(totals[q]));
            let [high, low] = sums[q][half];
            let sum =
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(high), _mm512_set1_ps(256.0), _mm512_cvtepi32_ps(low));
            let out = out[q * width + half * 16..].first_chunk_mut().expect("a head has two halves");
            _mm512_storeu_ps(out, _mm512_mul_ps(sum, scale));
        }
    }
}

/// Writes the scores of `M` queries and returns the highest of each. Padding scores far below everything.
#[rite(v4x, import_intrinsics)]
fn score<const M: usize>(scratch: &mut Scratch, tokens: usize, first: usize) -> [f32; M] {
    let queries: [&[[u8; 4]; WORDS]; M] = std::array::from_fn(|q| &scratch.queries[first + q]);
    let mut highest = [_mm512_set1_ps(f32::MIN); M];
    let (offsets, _) = scratch.key_offsets.as_chunks::<16>();
    let (scales, _) = scratch.key_scales.as_chunks::<16>();
    for (pair, keys) in scratch.keys.as_chunks::<2>().0.iter().enumerate() {
        let mut sums =
            [[_mm512_loadu_si512(&offsets[2 * pair]), _mm512_loadu_si512(&offsets[2 * pair + 1])]; M];
        for word in 0..WORDS {
            let keys = [_mm512_loadu_si512(&keys[0][word]), _mm512_loadu_si512(&keys[1][word])];
            for q in 0..M {
                let query = _mm512_set1_epi32(i32::from_le_bytes(queries[q][word]));
                sums[q][0] = _mm512_dpbusd_epi32(sums[q][0], query, keys[0]);
                sums[q][1] = _mm512_dpbusd_epi32(sums[q][1], query, keys[1]);
            }
        }
        for half in 0..2 {
            let at = pair * LANES + half * 16;
            let real = (1_u32 << tokens.saturating_sub(at).min(16)).wrapping_sub(1) as u16;
            let scale = _mm512_loadu_ps(&scales[2 * pair + half]);
            for q in 0..M {
                let scale = _mm512_mul_ps(scale, _mm512_set1_ps(scratch.query_scales[first + q]));
                let score = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[q][half]), scale);
                let score = _mm512_mask_mov_ps(_mm512_set1_ps(f32::MIN), real, score);
                highest[q] = _mm512_max_ps(highest[q], score);
                let place = scratch.scores[q][at..].first_chunk_mut().expect("scores are padded");
                _mm512_storeu_ps(place, score);
            }
        }
    }
    highest.map(|highest| _mm512_reduce_max_ps(highest))
}

/// Writes `65535 * 2^(score - highest)` as high and low bytes, and returns the sum of these numbers.
#[rite(v4x, import_intrinsics)]
fn weigh(scores: &[f32], highest: f32, high: &mut [u8], low: &mut [u8]) -> f32 {
    let (mut total, highest) = (_mm512_setzero_si512(), _mm512_set1_ps(highest));
    let bytes = high.as_chunks_mut::<16>().0.iter_mut().zip(low.as_chunks_mut::<16>().0);
    for (scores, (high, low)) in scores.as_chunks::<16>().0.iter().zip(bytes) {
        // Below 2^-20 a weight is zero anyway; the bound keeps the exponent in range.
        let x = _mm512_max_ps(_mm512_sub_ps(_mm512_loadu_ps(scores), highest), _mm512_set1_ps(-20.0));
        let whole = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        let part = _mm512_sub_ps(x, whole);
        let mut p = _mm512_set1_ps(POWER_OF_TWO[5]);
        for power in (0..5).rev() {
            p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(POWER_OF_TWO[power]));
        }
        let weight = _mm512_mul_ps(_mm512_scalef_ps(p, whole), _mm512_set1_ps(65535.0));
        let weight = _mm512_cvtps_epi32(weight);
        total = _mm512_add_epi32(total, weight);
        _mm_storeu_si128(high, _mm512_cvtepi32_epi8(_mm512_srli_epi32::<8>(weight)));
        _mm_storeu_si128(low, _mm512_cvtepi32_epi8(weight));
    }
    _mm512_reduce_add_epi32(total) as f32
}

/// The sums of values by weight: per query and half of the head, those of the high and of the low bytes.
#[rite(v4x, import_intrinsics)]
fn apply<const M: usize>(scratch: &Scratch) -> [[[__m512i; 2]; 2]; M] {
    let groups = scratch.values.len();
    let weights: [[&[[u8; 4]]; 2]; M] = std::array::from_fn(|q| {
        let [high, low] = &scratch.weights[q];
        [&high.as_chunks().0[..groups], &low.as_chunks().0[..groups]]
    });
    let mut sums = [[[_mm512_setzero_si512(); 2]; 2]; M];
    for (group, values) in scratch.values.iter().enumerate() {
        let values = [_mm512_loadu_si512(&values[0]), _mm512_loadu_si512(&values[1])];
        for q in 0..M {
            for part in 0..2 {
                let weights = _mm512_set1_epi32(i32::from_le_bytes(weights[q][part][group]));
                for half in 0..2 {
                    sums[q][half][part] = _mm512_dpbusd_epi32(sums[q][half][part], weights, values[half]);
                }
            }
        }
    }
    sums
}

#[inline(always)]
fn lanes(values: &[f32]) -> &[f32; 16] {
    values.first_chunk().expect("half a head is left")
}

#[inline(always)]
fn sixteen(bytes: &mut [u8]) -> &mut [u8; 16] {
    bytes.first_chunk_mut().expect("sixteen bytes are left")
}
