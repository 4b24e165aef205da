//! Quantising rows in AVX-512 instructions: the one piece of work on single rows that is worth writing out, since
//! every number between two linear layers passes through it.

use archmage::prelude::*;

/// Like `rows::quantize_rows`; the width is a multiple of 64.
#[arcane(import_intrinsics)]
pub(super) fn quantize_rows_v4x(
    _: X64V4xToken,
    values: &[f32],
    width: usize,
    bytes: &mut [u8],
    scales: &mut [(f32, f32)],
) {
    let rows = values.chunks_exact(width).zip(bytes.chunks_exact_mut(width));
    for ((row, bytes), scale) in rows.zip(scales) {
        let (row, _) = row.as_chunks::<16>();
        let (low, high) = range(row);
        let step = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        let zero = (-low / step).round_ties_even();
        let (per_step, zeros) = (_mm512_set1_ps(1.0 / step), _mm512_set1_ps(zero));
        for (bytes, x) in bytes.as_chunks_mut::<16>().0.iter_mut().zip(row) {
            let q = _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_loadu_ps(x), per_step, zeros));
            let q = _mm512_max_epi32(q, _mm512_setzero_si512());
            _mm_storeu_si128(bytes, _mm512_cvtusepi32_epi8(q));
        }
        *scale = (step, step * zero);
    }
}

/// The least and greatest number, and zero.
#[rite(v4x, import_intrinsics)]
fn range(row: &[[f32; 16]]) -> (f32, f32) {
    let (mut low, mut high) = ([_mm512_setzero_ps(); 4], [_mm512_setzero_ps(); 4]);
    for four in row.as_chunks::<4>().0 {
        for i in 0..4 {
            let x = _mm512_loadu_ps(&four[i]);
            low[i] = _mm512_min_ps(low[i], x);
            high[i] = _mm512_max_ps(high[i], x);
        }
    }
    let low = _mm512_min_ps(_mm512_min_ps(low[0], low[1]), _mm512_min_ps(low[2], low[3]));
    let high = _mm512_max_ps(_mm512_max_ps(high[0], high[1]), _mm512_max_ps(high[2], high[3]));
    (_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high))
}
