//! A tokenizer whose tokens are words, so that a test can tell by eye how many chunks a text has.

use millrace_ports::Tokenizer;

/// One token for each run without white space.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordTokenizer;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_white_space_begins() {
        let mut ends = vec![99];
        WordTokenizer.token_ends(" one  two\nthree", &mut ends);
        assert_eq!(ends, [4, 9, 15]);
    }
}
