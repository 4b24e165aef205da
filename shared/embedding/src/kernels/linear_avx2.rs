//! The linear layer in AVX2 instructions, for processors without AVX-512 VNNI: bytes are widened to 16 bits and
//! multiplied in pairs, which is exact (the 8-bit product instruction of AVX2 saturates). Same result as the
//! portable version.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over registers, each with its index in several arrays"
)]

use archmage::prelude::*;

use super::QuantizedRows;
use super::linear::{Linear, PANEL, Then, finish};

/// Rows of a full tile: 2 x 4 sums, 2 inputs and a weight stay in the 16 registers.
const ROWS: usize = 2;

/// Like `linear::apply`.
#[arcane(import_intrinsics)]
pub(super) fn apply_v3(_: X64V3Token, layer: &Linear, rows: &QuantizedRows, out: &mut [f32], then: Then) {
    for panel in 0..layer.outputs / PANEL {
        for third in 0..3 {
            let mut row = 0;
            while row + ROWS <= rows.len() {
                tile::<ROWS>(layer, (panel, third), rows, row, out, then);
                row += ROWS;
            }
            if row < rows.len() {
                tile::<1>(layer, (panel, third), rows, row, out, then);
            }
        }
    }
}

/// `M` rows by the 16 outputs of a third of a panel.
#[rite(v3, import_intrinsics)]
fn tile<const M: usize>(
    layer: &Linear,
    (panel, third): (usize, usize),
    rows: &QuantizedRows,
    row: usize,
    out: &mut [f32],
    then: Then,
) {
    let steps = layer.panel(panel);
    let mut words: [&[[u8; 4]]; M] = [&[]; M];
    for r in 0..M {
        words[r] = &rows.row(row + r).as_chunks::<4>().0[..steps.len()];
    }
    let mut sums = [[_mm256_setzero_si256(); 4]; M];
    for (k, step) in steps.iter().enumerate() {
        let mut inputs = [_mm256_setzero_si256(); M];
        for r in 0..M {
            // Four bytes, widened, four times over.
            inputs[r] = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(words[r][k])));
        }
        let (quarters, _) = step.0[third].as_chunks::<16>();
        for quarter in 0..4 {
            let weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(&quarters[quarter]));
            for r in 0..M {
                let products = _mm256_madd_epi16(inputs[r], weights);
                sums[r][quarter] = _mm256_add_epi32(sums[r][quarter], products);
            }
        }
    }
    for r in 0..M {
        let mut totals = [0_i32; 16];
        let (halves, _) = totals.as_chunks_mut::<8>();
        for half in 0..2 {
            // Each output has two neighbouring sums; adding them leaves the outputs' pairs crosswise.
            let pairs = _mm256_hadd_epi32(sums[r][2 * half], sums[r][2 * half + 1]);
            let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
            _mm256_storeu_si256(&mut halves[half], ordered);
        }
        let first = panel * PANEL + third * 16;
        let out = &mut out[(row + r) * layer.outputs + first..][..16];
        finish(layer, first, &totals, rows.scale_and_shift(row + r), out, then);
    }
}
