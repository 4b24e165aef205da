//! Cuts text into words in one spelling: lower case, compatibility forms composed, accents off. Stemming and stop
//! words are not known here.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word or number.
    Word,
    /// One character of a script that is written without spaces; `alone` if it has no neighbour of such a script.
    Character { alone: bool },
    /// Two such characters side by side.
    Pair,
}

/// Buffers that outlive a text.
#[derive(Debug, Default)]
pub(crate) struct Tokenizer {
    word: String,
    unspaced: Vec<char>,
}

impl Tokenizer {
    /// Calls `each` with every token of a text, in order. Words are runs of letters, digits and their marks (Unicode);
    /// a full stop or comma between two digits stays inside a number, as in Unicode Standard Annex 29, rules WB11
    /// and WB12. Text of scripts without spaces gives its characters and its pairs of neighbouring characters.
    pub(crate) fn each_token(&mut self, text: &str, each: &mut impl FnMut(&str, TokenKind)) {
        let mut start = None;
        let mut ascii = true;
        for (at, c) in text.char_indices() {
            if is_word_char(c) || (start.is_some() && joins(text, at, c)) {
                start = start.or(Some(at));
                ascii &= c.is_ascii();
            } else if let Some(from) = start.take() {
                self.emit_run(&text[from..at], ascii, each);
                ascii = true;
            }
        }
        if let Some(from) = start {
            self.emit_run(&text[from..], ascii, each);
        }
    }

    fn emit_run(&mut self, run: &str, ascii: bool, each: &mut impl FnMut(&str, TokenKind)) {
        if ascii {
            self.word.clear();
            self.word.push_str(run);
            self.word.make_ascii_lowercase();
            return self.emit_word(each);
        }
        self.word.clear();
        for c in run.nfkc().flat_map(char::to_lowercase) {
            if is_unspaced(c) {
                self.emit_word(each);
                self.unspaced.push(c);
            } else {
                self.emit_unspaced(each);
                fold_into(c, &mut self.word);
            }
        }
        self.emit_word(each);
        self.emit_unspaced(each);
    }

    fn emit_word(&mut self, each: &mut impl FnMut(&str, TokenKind)) {
        if !self.word.is_empty() {
            each(&self.word, TokenKind::Word);
            self.word.clear();
        }
    }

    fn emit_unspaced(&mut self, each: &mut impl FnMut(&str, TokenKind)) {
        let alone = self.unspaced.len() == 1;
        let mut buffer = [0; 4];
        for c in &self.unspaced {
            each(c.encode_utf8(&mut buffer), TokenKind::Character { alone });
        }
        for pair in self.unspaced.windows(2) {
            self.word.extend(pair);
            each(&self.word, TokenKind::Pair);
            self.word.clear();
        }
        self.unspaced.clear();
    }
}

fn is_word_char(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_combining_mark(c) }
}

/// Whether a character inside a run does not end it: a separator between digits, or something invisible.
fn joins(text: &str, at: usize, c: char) -> bool {
    match c {
        '.' | ',' => {
            let bytes = text.as_bytes();
            bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
        }
        // Soft hyphen, zero-width non-joiner, zero-width joiner.
        '\u{ad}' | '\u{200c}' | '\u{200d}' => true,
        _ => false,
    }
}

/// Scripts written without spaces between words, and Korean, whose words carry their particles.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff // Thai, Lao
        | 0x1000..=0x109f | 0x1780..=0x17ff // Myanmar, Khmer
        | 0x1100..=0x11ff | 0xac00..=0xd7ff // Hangul
        | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3040..=0x30ff | 0x31f0..=0x31ff // radicals, kana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff) // ideographs
}

/// Appends a lower-case character without its accents and points. Marks that are letters of their own (the vowel
/// signs of Indian scripts) stay.
fn fold_into(c: char, word: &mut String) {
    if c.is_ascii() {
        return word.push(c);
    }
    decompose_canonical(c, |part| match part {
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}' => {}
        '\u{ad}' | '\u{200c}' | '\u{200d}' => {}
        'ß' => word.push_str("ss"),
        'æ' => word.push_str("ae"),
        'œ' => word.push_str("oe"),
        'þ' => word.push_str("th"),
        'ø' => word.push('o'),
        'đ' | 'ð' => word.push('d'),
        'ł' => word.push('l'),
        'ħ' => word.push('h'),
        'ı' => word.push('i'),
        'ς' => word.push('σ'),
        part => word.push(part),
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Tokenizer::default().each_token(text, &mut |token, _| found.push(token.to_owned()));
        found
    }

    #[test]
    fn words_come_in_one_spelling() {
        assert_eq!(
            tokens("The Naïve CAFÉ, Straße; ﬁne Ελλάς"),
            ["the", "naive", "cafe", "strasse", "fine", "ελλασ"]
        );
        assert_eq!(
            tokens("cafe\u{301} Łódź İstanbul co\u{ad}operate"),
            ["cafe", "lodz", "istanbul", "cooperate"]
        );
        assert_eq!(
            tokens("don't l'homme put_words e-mail"),
            ["don", "t", "l", "homme", "put", "words", "e", "mail"]
        );
    }

    #[test]
    fn numbers_stay_whole() {
        assert_eq!(
            tokens("In 1999, 3.14 or 1,000,000. v2.5 5G 10."),
            ["in", "1999", "3.14", "or", "1,000,000", "v2.5", "5g", "10"]
        );
        assert_eq!(tokens("., 1. ,2 é.5"), ["1", "2", "e", "5"]);
    }

    #[test]
    fn text_without_spaces_gives_characters_and_pairs() {
        assert_eq!(tokens("東京都"), ["東", "京", "都", "東京", "京都"]);
        assert_eq!(tokens("AI時代x"), ["ai", "時", "代", "時代", "x"]);
        assert_eq!(tokens("ｱｲ 한국어"), ["ア", "イ", "アイ", "한", "국", "어", "한국", "국어"]);
    }

    #[test]
    fn marks_that_are_letters_stay_and_emoji_go() {
        assert_eq!(tokens("हिन्दी 👍🏽 שָׁלוֹם 🇩🇪"), ["हिन्दी", "שלום"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_tokens_that_are_their_own_spelling(text in ".{0,60}") {
            let mut tokenizer = Tokenizer::default();
            let mut found = Vec::new();
            tokenizer.each_token(&text, &mut |token, kind| {
                if kind == TokenKind::Word { found.push(token.to_owned()) }
            });
            for token in found {
                prop_assert!(!token.is_empty());
                prop_assert!(!token.chars().any(|c| c.is_ascii_uppercase() || c.is_whitespace()));
            }
        }
    }
}
