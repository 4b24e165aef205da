//! The arithmetic of the forward pass: a few loops that take nearly all the time, each compiled for several
//! instruction sets and chosen at run time. Shapes and weights come from `model`; nothing here knows about texts.
//!
//! Every kernel has one portable body in plain Rust, which the compiler vectorises; the ones that matter most also
//! have versions in AVX-512 VNNI instructions (linear, attention, quantising), or AVX2 (linear). Processors with VNNI
//! but without the rest of what Ice Lake and Zen 4 brought run the AVX2 versions. The `archmage` crate proves at run
//! time that the processor has the instructions, so that no `unsafe` is needed here.

mod attention;
#[cfg(target_arch = "x86_64")]
mod attention_avx512;
mod linear;
#[cfg(target_arch = "x86_64")]
mod linear_avx2;
#[cfg(target_arch = "x86_64")]
mod linear_avx512;
mod rows;
#[cfg(target_arch = "x86_64")]
mod rows_avx512;

pub(crate) use attention::{AttentionScratch, attend};
pub(crate) use linear::{Linear, Then, apply};
pub(crate) use rows::{QuantizedRows, add_embedding, normalize_rows, pool};

/// Which of the compiled versions this processor runs; for reports.
pub(crate) fn instruction_set() -> &'static str {
    linear::instruction_set()
}
