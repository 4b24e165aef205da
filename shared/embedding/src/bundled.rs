//! The model files as part of the binary, from `models/` of this repository. Nothing else is in here, so that a build
//! without the feature `bundled-model` has no trace of them.

use std::sync::{Arc, OnceLock};

use crate::word_piece::WordPieceTokenizer;

/// The ONNX file.
pub(crate) static MODEL: &[u8] = include_bytes!("../../../models/all-MiniLM-L6-v2-int8.onnx");

static TOKENIZER: &[u8] = include_bytes!("../../../models/tokenizer.json");

/// The bundled model's tokenizer, read at the first call (about 10 ms) and shared from then on.
pub fn tokenizer() -> Arc<WordPieceTokenizer> {
    static SHARED: OnceLock<Arc<WordPieceTokenizer>> = OnceLock::new();
    let read = || WordPieceTokenizer::from_json(TOKENIZER).expect("the bundled tokenizer is well-formed");
    Arc::clone(SHARED.get_or_init(|| Arc::new(read())))
}
