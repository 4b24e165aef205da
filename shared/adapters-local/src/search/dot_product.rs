//! Dot products of one question's vector with the 64 vectors of a block, in 8-bit integers. Exact: every version gives
//! the same sums. One body in plain Rust that the compiler vectorises (AVX2, NEON), and one in AVX-512 VNNI
//! instructions. The `archmage` crate proves at run time that the processor has them, so that no `unsafe` is needed.

use archmage::prelude::*;

/// Bytes that are processed together; rows are padded to a multiple with `BIAS`.
pub(super) const LINE_BYTES: usize = 64;
/// Added to every number of a stored row, so that it is unsigned, as VNNI instructions want one side to be.
pub(super) const BIAS: u8 = 128;
/// Rows of one block.
pub(super) const BLOCK_ROWS: usize = 64;

/// 64 numbers of a stored row, each plus `BIAS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(super) struct RowLine(pub(super) [u8; LINE_BYTES]);

/// A question's vector, laid out like a row but signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueryLines {
    lines: Vec<[i8; LINE_BYTES]>,
    /// What the bias of a row adds to its sum.
    correction: i32,
}

impl QueryLines {
    pub(super) fn new(values: &[i8]) -> Self {
        let line = |chunk: &[i8]| std::array::from_fn(|at| chunk.get(at).copied().unwrap_or(0));
        let sum: i32 = values.iter().map(|&value| i32::from(value)).sum();
        Self { lines: values.chunks(LINE_BYTES).map(line).collect(), correction: i32::from(BIAS) * sum }
    }

    /// Lines of one row.
    pub(super) fn lines_per_row(&self) -> usize {
        self.lines.len()
    }
}

/// The dot products with up to `BLOCK_ROWS` rows, which lie behind each other; the rest of the answer is undefined.
///
/// # Panics
/// If the rows are not made of as many lines as the question.
pub(super) fn dot_products(query: &QueryLines, rows: &[RowLine]) -> [i32; BLOCK_ROWS] {
    assert!(rows.len().is_multiple_of(query.lines.len().max(1)), "rows do not fit the question");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = X64V4xToken::summon() {
        return dot_products_v4x(token, query, rows);
    }
    dot_products_portable(query, rows)
}

#[autoversion(v3, neon, scalar)]
fn dot_products_portable(query: &QueryLines, rows: &[RowLine]) -> [i32; BLOCK_ROWS] {
    let mut products = [0; BLOCK_ROWS];
    for (product, row) in products.iter_mut().zip(rows.chunks_exact(query.lines.len().max(1))) {
        let mut sum = 0;
        for (line, query) in row.iter().zip(&query.lines) {
            for (&value, &query) in line.0.iter().zip(query) {
                sum += i32::from(i16::from(value) - i16::from(BIAS)) * i32::from(query);
            }
        }
        *product = sum;
    }
    products
}

/// Four rows at a time, so that the sums do not wait for each other.
#[cfg(target_arch = "x86_64")]
#[arcane(import_intrinsics)]
fn dot_products_v4x(_: X64V4xToken, query: &QueryLines, rows: &[RowLine]) -> [i32; BLOCK_ROWS] {
    let mut products = [0; BLOCK_ROWS];
    let width = query.lines.len().max(1);
    let (groups, rest) = products.as_chunks_mut::<4>();
    debug_assert!(rest.is_empty());
    for (group, rows) in groups.iter_mut().zip(rows.chunks(4 * width)) {
        let mut sums = [_mm512_setzero_si512(); 4];
        let count = rows.len() / width;
        if count == 4 {
            let (a, rest) = rows.split_at(width);
            let (b, rest) = rest.split_at(width);
            let (c, d) = rest.split_at(width);
            for ((((query, a), b), c), d) in query.lines.iter().zip(a).zip(b).zip(c).zip(d) {
                let query = _mm512_loadu_si512(query);
                sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_loadu_si512(&a.0), query);
                sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_loadu_si512(&b.0), query);
                sums[2] = _mm512_dpbusd_epi32(sums[2], _mm512_loadu_si512(&c.0), query);
                sums[3] = _mm512_dpbusd_epi32(sums[3], _mm512_loadu_si512(&d.0), query);
            }
        } else {
            for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(width)) {
                for (query, line) in query.lines.iter().zip(row) {
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_loadu_si512(&line.0), _mm512_loadu_si512(query));
                }
            }
        }
        for (product, sum) in group.iter_mut().zip(sums) {
            *product = _mm512_reduce_add_epi32(sum) - query.correction;
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lay_out(rows: &[Vec<i8>]) -> Vec<RowLine> {
        let lines = |row: &Vec<i8>| {
            row.chunks(LINE_BYTES)
                .map(|chunk| {
                    let value = |at| chunk.get(at).map_or(BIAS, |value: &i8| value.cast_unsigned() ^ BIAS);
                    RowLine(std::array::from_fn(value))
                })
                .collect::<Vec<_>>()
        };
        rows.iter().flat_map(lines).collect()
    }

    proptest! {
        #[test]
        fn every_version_gives_the_exact_sums(
            dimensions in 1_usize..200, count in 0_usize..=BLOCK_ROWS, seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 56) as u8).cast_signed()
            };
            let query: Vec<i8> = (0..dimensions).map(|_| next()).collect();
            let rows: Vec<Vec<i8>> = (0..count).map(|_| (0..dimensions).map(|_| next()).collect()).collect();
            let exact: Vec<i32> = rows
                .iter()
                .map(|row| row.iter().zip(&query).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum())
                .collect();
            let (lines, rows) = (QueryLines::new(&query), lay_out(&rows));
            prop_assert_eq!(&dot_products(&lines, &rows)[..count], &exact[..]);
            prop_assert_eq!(&dot_products_portable(&lines, &rows)[..count], &exact[..]);
        }
    }
}
