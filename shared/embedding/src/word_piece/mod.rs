//! The model's tokenizer: BERT's normalisation and word splitting, then WordPiece over the vocabulary of a
//! `tokenizer.json` file. Gives the same ids as the reference implementation (tests hold it to that), and beside each
//! id where in the original text it ends, which the reference is slow at. No other kind of tokenizer is read.

mod splitter;
mod vocabulary;

use millrace_ports::Tokenizer;

use crate::model::ModelFileError;
use splitter::{Part, split};
use vocabulary::Vocabulary;

/// Splits text into the tokens of a BERT model.
#[derive(Debug)]
pub struct WordPieceTokenizer {
    vocabulary: Vocabulary,
}

impl WordPieceTokenizer {
    /// Reads a `tokenizer.json` file with a WordPiece model and BERT's normaliser in lower case.
    pub fn from_json(json: &[u8]) -> Result<Self, ModelFileError> {
        Ok(Self { vocabulary: Vocabulary::from_json(json)? })
    }

    /// Replaces the content of `ids` by the tokens of `text` between the two markers, `tokens_max` in all at most;
    /// text beyond them is not even looked at.
    pub fn encode(&self, text: &str, tokens_max: usize, ids: &mut Vec<u32>) {
        ids.clear();
        ids.push(self.vocabulary.start());
        if tokens_max > 2 {
            self.tokens(text, |id, _| {
                ids.push(id);
                ids.len() + 1 < tokens_max
            });
        }
        ids.push(self.vocabulary.end());
    }

    /// Calls `each` with each token's id and end in `text`, until it returns false.
    fn tokens(&self, text: &str, mut each: impl FnMut(u32, usize) -> bool) {
        split(text, self.vocabulary.literals(), |part| match part {
            Part::Literal { id, end } => each(id, end),
            Part::Word { word, ends } => self.vocabulary.pieces(word, ends, &mut each),
        });
    }
}

impl Tokenizer for WordPieceTokenizer {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        self.tokens(text, |_, end| {
            ends.push(end);
            true
        });
    }
}
