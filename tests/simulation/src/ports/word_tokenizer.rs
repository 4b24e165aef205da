//! A tokenizer whose tokens are words.

use millrace_ports::Tokenizer;

/// One token for each run without white space.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WordTokenizer;

impl Tokenizer for WordTokenizer {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        let mut within = false;
        for (at, character) in text.char_indices() {
            if character.is_whitespace() && within {
                ends.push(at);
            }
            within = !character.is_whitespace();
        }
        if within {
            ends.push(text.len());
        }
    }
}
