//! The linear layer in AVX-512 VNNI instructions: tiles of up to eight rows by 48 outputs are summed in 24
//! registers, then scaled, biased and passed on without leaving them. Same result as the portable version up to
//! the rounding of the last operations.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over registers, each with its index in several arrays"
)]

use archmage::prelude::*;

use super::QuantizedRows;
use super::linear::{ERF, Linear, PANEL, Step, Then};

/// Rows of a full tile: 8 x 3 sums, 3 weights and 1 broadcast leave four of the 32 registers.
const ROWS: usize = 8;

/// Like `linear::apply`. Panels outside, rows inside: a panel stays in the first-level cache.
#[arcane(import_intrinsics)]
pub(super) fn apply_v4x(_: X64V4xToken, layer: &Linear, rows: &QuantizedRows, out: &mut [f32], then: Then) {
    for panel in 0..layer.outputs / PANEL {
        let mut row = 0;
        while row + ROWS <= rows.len() {
            tile::<ROWS>(layer, panel, rows, row, out, then);
            row += ROWS;
        }
        match rows.len() - row {
            7 => tile::<7>(layer, panel, rows, row, out, then),
            6 => tile::<6>(layer, panel, rows, row, out, then),
            5 => tile::<5>(layer, panel, rows, row, out, then),
            4 => tile::<4>(layer, panel, rows, row, out, then),
            3 => tile::<3>(layer, panel, rows, row, out, then),
            2 => tile::<2>(layer, panel, rows, row, out, then),
            1 => tile::<1>(layer, panel, rows, row, out, then),
            _ => {}
        }
    }
}

#[rite(v4x, import_intrinsics)]
fn tile<const M: usize>(
    layer: &Linear,
    panel: usize,
    rows: &QuantizedRows,
    row: usize,
    out: &mut [f32],
    then: Then,
) {
    // A loop and not a closure, which would not be compiled for these instructions.
    let mut words: [&[[u8; 4]]; M] = [&[]; M];
    for r in 0..M {
        words[r] = &rows.row(row + r).as_chunks::<4>().0[..layer.inputs / 4];
    }
    let steps = layer.panel(panel);
    // A layer without inputs does not exist; knowing that, the compiler need not clear the sums in memory.
    if steps.is_empty() {
        return;
    }
    let totals = sum::<M>(steps, words);
    let first = panel * PANEL;
    for third in 0..3 {
        let at = first + third * 16;
        let scales = _mm512_loadu_ps(lanes(&layer.scales[at..]));
        let sums = _mm512_loadu_ps(lanes(&layer.sums[at..]));
        let biases = _mm512_loadu_ps(lanes(&layer.biases[at..]));
        for r in 0..M {
            let (scale, shift) = rows.scale_and_shift(row + r);
            let base = _mm512_fnmadd_ps(_mm512_set1_ps(shift), sums, biases);
            let total = _mm512_mul_ps(_mm512_cvtepi32_ps(totals[r][third]), scales);
            let y = _mm512_fmadd_ps(total, _mm512_set1_ps(scale), base);
            let out = lanes_mut(&mut out[(row + r) * layer.outputs + at..]);
            let y = match then {
                Then::Store => y,
                Then::Gelu => gelu(y),
                Then::Add => _mm512_add_ps(y, _mm512_loadu_ps(out)),
            };
            _mm512_storeu_ps(out, y);
        }
    }
}

/// The integer sums of `M` rows and a panel.
#[rite(v4x, import_intrinsics)]
fn sum<const M: usize>(steps: &[Step], rows: [&[[u8; 4]]; M]) -> [[__m512i; 3]; M] {
    let mut rows = rows;
    for row in &mut rows {
        *row = &row[..steps.len()];
    }
    let mut totals = [[_mm512_setzero_si512(); 3]; M];
    for (k, step) in steps.iter().enumerate() {
        let weights =
            [_mm512_loadu_si512(&step.0[0]), _mm512_loadu_si512(&step.0[1]), _mm512_loadu_si512(&step.0[2])];
        for r in 0..M {
            let inputs = _mm512_set1_epi32(i32::from_le_bytes(rows[r][k]));
            for third in 0..3 {
                totals[r][third] = _mm512_dpbusd_epi32(totals[r][third], inputs, weights[third]);
            }
        }
    }
    totals
}

/// See `linear::gelu`.
#[rite(v4x, import_intrinsics)]
fn gelu(x: __m512) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    let size = _mm512_abs_ps(x);
    let z = _mm512_mul_ps(size, _mm512_set1_ps(std::f32::consts::FRAC_1_SQRT_2));
    let mut p = _mm512_set1_ps(ERF[5]);
    for a in [ERF[4], ERF[3], ERF[2], ERF[1], ERF[0], 1.0] {
        p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(a));
    }
    for _ in 0..4 {
        p = _mm512_mul_ps(p, p);
    }
    let erf = _mm512_sub_ps(one, _mm512_div_ps(one, p));
    _mm512_mul_ps(_mm512_set1_ps(0.5), _mm512_fmadd_ps(size, erf, x))
}

#[inline(always)]
fn lanes(values: &[f32]) -> &[f32; 16] {
    values.first_chunk().expect("a panel has 16 lanes left")
}

#[inline(always)]
fn lanes_mut(values: &mut [f32]) -> &mut [f32; 16] {
    values.first_chunk_mut().expect("a panel has 16 lanes left")
}
