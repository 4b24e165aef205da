//! Tokenizers for the tests, each awkward in its own way. None of them is a model's.

use millrace_ports::Tokenizer;

/// Words, and each other character that is not white space: what WordPiece sees before it looks into words.
#[derive(Debug)]
pub(crate) struct Words;

impl Tokenizer for Words {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        let mut in_word = false;
        for (at, character) in text.char_indices() {
            let word = character.is_alphanumeric() && character.is_ascii();
            if in_word && !word {
                ends.push(at);
            }
            if !word && !character.is_whitespace() {
                ends.push(at + character.len_utf8());
            }
            in_word = word;
        }
        if in_word {
            ends.push(text.len());
        }
    }
}

/// Words in pieces of four characters from the left, so that a cut inside a word changes the count; a word of more
/// than 100 characters is one unknown token.
#[derive(Debug)]
pub(crate) struct WordPieces;

impl Tokenizer for WordPieces {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        let mut start = 0;
        for word in text.split(char::is_whitespace) {
            let characters = word.chars().count();
            for (position, (at, character)) in word.char_indices().enumerate() {
                let last = position + 1 == characters;
                if last || (characters <= 100 && position % 4 == 3) {
                    ends.push(start + at + character.len_utf8());
                }
            }
            start += word.len();
            start += text[start..].chars().next().map_or(0, char::len_utf8);
        }
    }
}

/// One token a byte, three more at the beginning of every text: counts never add up.
#[derive(Debug)]
pub(crate) struct Bytes;

impl Tokenizer for Bytes {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        for (position, (at, character)) in text.char_indices().enumerate() {
            let count = character.len_utf8() + if position == 0 { 3 } else { 0 };
            ends.extend(std::iter::repeat_n(at + character.len_utf8(), count));
        }
    }
}

/// Finds no token anywhere.
#[derive(Debug)]
pub(crate) struct Blind;

impl Tokenizer for Blind {
    fn token_ends(&self, _: &str, ends: &mut Vec<usize>) {
        ends.clear();
    }
}
