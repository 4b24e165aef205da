//! The vectors of 64 neighbouring slots. Searches share a block; a writer changes its own copy.

use std::sync::Arc;

use super::dot_product::{BIAS, BLOCK_ROWS, LINE_BYTES, QueryLines, RowLine, dot_products};
use crate::QuantisedVector;

/// A question's vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryVector {
    pub(super) dimensions: usize,
    lines: QueryLines,
    inverse_norm: f32,
}

impl QueryVector {
    pub(super) fn new(vector: &QuantisedVector) -> Self {
        Self {
            dimensions: vector.values.len(),
            lines: QueryLines::new(&vector.values),
            inverse_norm: inverse_norm(&vector.values),
        }
    }
}

/// A vector as it lies in a block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    lines: Vec<RowLine>,
    inverse_norm: f32,
}

impl Row {
    pub(super) fn new(values: &[i8]) -> Self {
        let line = |chunk: &[i8]| {
            let value = |at| chunk.get(at).map_or(BIAS, |value: &i8| value.cast_unsigned() ^ BIAS);
            RowLine(std::array::from_fn(value))
        };
        Self { lines: values.chunks(LINE_BYTES).map(line).collect(), inverse_norm: inverse_norm(values) }
    }
}

/// The length of the rounded vector is used, not that of the original, so that a vector's cosine with itself is 1.
fn inverse_norm(values: &[i8]) -> f32 {
    let squares: i32 = values.iter().map(|&value| i32::from(value) * i32::from(value)).sum();
    if squares == 0 { 0.0 } else { 1.0 / (squares as f32).sqrt() }
}

/// Up to 64 vectors of one length.
#[derive(Debug, Clone)]
pub(super) struct VectorBlock {
    lines_per_row: usize,
    rows: Vec<RowLine>,
    inverse_norms: [f32; BLOCK_ROWS],
}

impl VectorBlock {
    fn new(lines_per_row: usize) -> Self {
        let rows = vec![RowLine([BIAS; LINE_BYTES]); lines_per_row * BLOCK_ROWS];
        Self { lines_per_row, rows, inverse_norms: [0.0; BLOCK_ROWS] }
    }

    fn set(&mut self, at: usize, row: &Row) {
        self.rows[at * self.lines_per_row..][..self.lines_per_row].copy_from_slice(&row.lines);
        self.inverse_norms[at] = row.inverse_norm;
    }

    fn row(&self, at: usize) -> Row {
        let lines = self.rows[at * self.lines_per_row..][..self.lines_per_row].to_vec();
        Row { lines, inverse_norm: self.inverse_norms[at] }
    }

    /// The cosine of a question's vector with each vector; 0 for vectors that were never set or are of another length.
    pub(super) fn cosines(&self, query: &QueryVector) -> [f32; BLOCK_ROWS] {
        if self.lines_per_row != query.lines.lines_per_row() {
            return [0.0; BLOCK_ROWS];
        }
        let products = dot_products(&query.lines, &self.rows);
        std::array::from_fn(|at| cosine(products[at], self.inverse_norms[at], query))
    }

    /// The cosine with one vector.
    pub(super) fn cosine(&self, at: u32, query: &QueryVector) -> f32 {
        if self.lines_per_row != query.lines.lines_per_row() {
            return 0.0;
        }
        let at = at as usize;
        let products =
            dot_products(&query.lines, &self.rows[at * self.lines_per_row..][..self.lines_per_row]);
        cosine(products[0], self.inverse_norms[at], query)
    }
}

fn cosine(product: i32, inverse_norm: f32, query: &QueryVector) -> f32 {
    (product as f32 * (inverse_norm * query.inverse_norm)).clamp(-1.0, 1.0)
}

/// The vectors of a window of slots, in blocks that exist where there are vectors.
#[derive(Debug, Clone, Default)]
pub(super) struct VectorBlocks {
    blocks: Vec<Option<Arc<VectorBlock>>>,
}

impl VectorBlocks {
    /// The block that holds slots `64 * at ..`.
    pub(super) fn block(&self, at: u32) -> Option<&VectorBlock> {
        self.blocks.get(at as usize)?.as_deref()
    }

    /// The vector of a slot; whether it was ever set is for the caller to know.
    pub(super) fn row(&self, slot: u32) -> Option<Row> {
        self.block(slot / BLOCK_ROWS as u32).map(|block| block.row(slot as usize % BLOCK_ROWS))
    }

    /// Stores a vector; of a length other than its neighbours' it is refused.
    pub(super) fn set(&mut self, slot: u32, row: &Row) -> bool {
        let (at, within) = (slot as usize / BLOCK_ROWS, slot as usize % BLOCK_ROWS);
        if at >= self.blocks.len() {
            self.blocks.resize(at + 1, None);
        }
        let block = self.blocks[at].get_or_insert_with(|| Arc::new(VectorBlock::new(row.lines.len())));
        if block.lines_per_row != row.lines.len() {
            return false;
        }
        Arc::make_mut(block).set(within, row);
        true
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let block = |block: &Arc<VectorBlock>| block.rows.len() * LINE_BYTES + size_of::<VectorBlock>();
        self.blocks.iter().flatten().map(block).sum()
    }
}

#[cfg(test)]
mod tests {
    use millrace_ports::Embedding;

    use super::*;

    fn quantised(values: &[f32]) -> QuantisedVector {
        QuantisedVector::from_embedding(&Embedding(values.to_vec()))
    }

    #[test]
    fn cosines_are_those_of_the_vectors() {
        let mut blocks = VectorBlocks::default();
        for (slot, vector) in [(3, [0.6, 0.8]), (70, [1.0, 0.0]), (71, [-0.6, -0.8])] {
            assert!(blocks.set(slot, &Row::new(&quantised(&vector).values)));
        }
        let query = QueryVector::new(&quantised(&[0.6, 0.8]));
        for (slot, expected) in [(3, 1.0), (70, 0.6), (71, -1.0), (72, 0.0)] {
            let (block, at) = (blocks.block(slot / 64).unwrap(), slot % 64);
            assert!((block.cosine(at, &query) - expected).abs() < 0.005, "slot {slot}");
            assert!(block.cosine(at, &query).to_bits() == block.cosines(&query)[at as usize].to_bits());
        }
        assert!(blocks.block(2).is_none());
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let mut blocks = VectorBlocks::default();
        assert!(blocks.set(0, &Row::new(&[1; 384])));
        assert!(!blocks.set(1, &Row::new(&[1; 768])));
        let query = QueryVector::new(&quantised(&[1.0; 768]));
        assert_eq!(blocks.block(0).unwrap().cosines(&query), [0.0; 64]);
    }

    #[test]
    fn a_reader_keeps_what_it_saw() {
        let mut blocks = VectorBlocks::default();
        blocks.set(0, &Row::new(&[1; 10]));
        let seen = blocks.clone();
        blocks.set(0, &Row::new(&[-1; 10]));
        assert_ne!(seen.row(0), blocks.row(0));
    }
}
