//! The model: its weights, read from an ONNX file, and its forward pass, written out by hand over `kernels`.
//! Not a general engine: it knows this one architecture (a six-layer BERT encoder with mean pooling) and no other.

mod forward;
mod onnx_file;
mod weights;

pub(crate) use forward::Scratch;
pub(crate) use weights::{MiniLm, TOKENS_MAX};

/// Why a model could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFileError {
    /// Not an ONNX file, or a damaged one.
    #[error("model file is malformed: {0}")]
    Malformed(&'static str),
    /// An ONNX file of another model.
    #[error("model file lacks {0}")]
    Missing(String),
    /// The tokenizer file is not a BERT tokenizer's.
    #[error("tokenizer file is malformed: {0}")]
    Tokenizer(String),
}
