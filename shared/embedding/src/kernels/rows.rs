//! Work on single rows (tokens): quantising, layer normalisation, embedding sums, pooling.
//! All of it is plain Rust that the compiler vectorises for each instruction set.

use archmage::prelude::*;

/// Rows of 8-bit activations, each with its own scale and zero point: `x = scale (q - zero)`.
#[derive(Debug, Default)]
pub(crate) struct QuantizedRows {
    width: usize,
    rows: usize,
    /// Only grows: what is behind the last row is left over.
    bytes: Vec<u8>,
    /// Per row the scale, and the scale times the zero point.
    scales: Vec<(f32, f32)>,
}

impl QuantizedRows {
    /// Numbers per row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Rows held.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.width..][..self.width]
    }

    pub(super) fn scale_and_shift(&self, row: usize) -> (f32, f32) {
        self.scales[row]
    }

    /// Replaces the content by `values`, row-major with `width` numbers a row.
    pub(crate) fn quantize(&mut self, values: &[f32], width: usize) {
        self.width = width;
        self.rows = values.len() / width;
        if self.bytes.len() < values.len() {
            self.bytes.resize(values.len(), 0);
        }
        if self.scales.len() < self.rows {
            self.scales.resize(self.rows, (0.0, 0.0));
        }
        let (bytes, scales) = (&mut self.bytes[..values.len()], &mut self.scales[..self.rows]);
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = X64V4xToken::summon()
            && width.is_multiple_of(64)
        {
            return super::rows_avx512::quantize_rows_v4x(token, values, width, bytes, scales);
        }
        quantize_rows(values, width, bytes, scales);
    }
}

#[autoversion(v3, neon, scalar)]
fn quantize_rows(values: &[f32], width: usize, bytes: &mut [u8], scales: &mut [(f32, f32)]) {
    let rows = values.chunks_exact(width).zip(bytes.chunks_exact_mut(width));
    for ((row, bytes), scale) in rows.zip(scales) {
        let (low, high) = range(row);
        // Zero is representable, and a row of equal numbers has a scale.
        let step = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        let zero = (-low / step).round_ties_even();
        let (per_step, offset) = (1.0 / step, zero + 0.5);
        for (byte, x) in bytes.iter_mut().zip(row) {
            // Never negative, so that truncation after adding a half is rounding.
            *byte = (x * per_step + offset).clamp(0.0, 255.0) as i32 as u8;
        }
        *scale = (step, step * zero);
    }
}

/// The least and greatest number, and zero.
#[inline(always)]
fn range(row: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([0.0_f32; 32], [0.0_f32; 32]);
    let (blocks, rest) = row.as_chunks::<32>();
    for block in blocks {
        for lane in 0..32 {
            low[lane] = if block[lane] < low[lane] { block[lane] } else { low[lane] };
            high[lane] = if block[lane] > high[lane] { block[lane] } else { high[lane] };
        }
    }
    let low = low.iter().chain(rest).copied().fold(0.0, f32::min);
    (low, high.iter().chain(rest).copied().fold(0.0, f32::max))
}

/// Sums in 32 lanes, which lets the compiler vectorise and keeps rounding errors small.
#[inline(always)]
fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; 32];
    let (blocks, rest) = row.as_chunks::<32>();
    for block in blocks {
        for lane in 0..32 {
            sums[lane] += f(block[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

/// Layer normalisation of each row, in place: `(x - mean) / sqrt(variance + 1e-12) * gain + bias`.
#[autoversion(v4x, v3, neon, scalar)]
pub(crate) fn normalize_rows(values: &mut [f32], gain: &[f32], bias: &[f32]) {
    let width = gain.len();
    for row in values.chunks_exact_mut(width) {
        let mean = sum_of(row, |x| x) / width as f32;
        let variance = sum_of(row, |x| (x - mean) * (x - mean)) / width as f32;
        let scale = 1.0 / (variance + 1e-12).sqrt();
        for ((x, gain), bias) in row.iter_mut().zip(gain).zip(bias) {
            *x = (*x - mean) * scale * gain + bias;
        }
    }
}

/// Writes to `out` the word vector, an unsigned byte each with the given scale and zero point, plus the position's.
#[autoversion(v4x, v3, neon, scalar)]
pub(crate) fn add_embedding(word: &[u8], scale: f32, zero: f32, position: &[f32], out: &mut [f32]) {
    for ((out, byte), position) in out.iter_mut().zip(word).zip(position) {
        *out = (f32::from(*byte) - zero) * scale + position;
    }
}

/// The mean of all rows, at unit length. The mean's divisor cancels out.
#[autoversion(v4x, v3, neon, scalar)]
pub(crate) fn pool(values: &[f32], width: usize) -> Vec<f32> {
    let mut pooled = vec![0.0; width];
    for row in values.chunks_exact(width) {
        for (sum, x) in pooled.iter_mut().zip(row) {
            *sum += x;
        }
    }
    let length = sum_of(&pooled, |x| x * x).sqrt().max(f32::MIN_POSITIVE);
    for x in &mut pooled {
        *x /= length;
    }
    pooled
}
