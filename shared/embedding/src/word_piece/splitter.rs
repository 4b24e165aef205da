//! BERT's way from text to words: control characters dropped, ideographs and punctuation set apart, accents stripped,
//! lower case. Done in one pass that remembers where everything came from. Does not know the vocabulary.

use unicode_categories::UnicodeCategories;
use unicode_normalization::char::decompose_canonical;

/// What a text consists of.
pub(super) enum Part<'a> {
    /// A text that is a token as it stands.
    Literal { id: u32, end: usize },
    /// A normalised word, and for each of its bytes the end in the text of the character it came from.
    Word { word: &'a str, ends: &'a [usize] },
}

/// Calls `each` with the parts of `text` in order, until it returns false.
pub(super) fn split(text: &str, literals: &[(String, u32)], mut each: impl FnMut(Part<'_>) -> bool) {
    let mut word = Word::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let go_on = if byte == b'['
            && let Some((literal, id)) = literals.iter().find(|(literal, _)| text[at..].starts_with(literal))
        {
            at += literal.len();
            word.finish(&mut each) && each(Part::Literal { id: *id, end: at })
        } else if byte.is_ascii() {
            at += 1;
            word.ascii(byte, at, &mut each)
        } else {
            let c = text[at..].chars().next().unwrap_or_default();
            at += c.len_utf8();
            word.unicode(c, at, &mut each)
        };
        if !go_on {
            return;
        }
    }
    word.finish(&mut each);
}

/// The word being read.
#[derive(Default)]
struct Word {
    text: String,
    ends: Vec<usize>,
}

impl Word {
    fn ascii(&mut self, byte: u8, end: usize, each: &mut impl FnMut(Part<'_>) -> bool) -> bool {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => self.finish(each),
            0..=0x1f | 0x7f => true,
            _ if byte.is_ascii_punctuation() => {
                self.finish(each) && {
                    self.push(char::from(byte), end);
                    self.finish(each)
                }
            }
            _ => {
                self.text.push(char::from(byte.to_ascii_lowercase()));
                self.ends.push(end);
                true
            }
        }
    }

    fn unicode(&mut self, c: char, end: usize, each: &mut impl FnMut(Part<'_>) -> bool) -> bool {
        if c == '\u{fffd}' || c.is_other() {
            return true;
        }
        if c.is_whitespace() {
            return self.finish(each);
        }
        let ideograph = is_ideograph(c);
        let mut go_on = !ideograph || self.finish(each);
        decompose_canonical(c, |c| {
            if c.is_mark_nonspacing() {
                // What is left out belongs to the letter before it.
                if let Some(last) = self.ends.last_mut() {
                    *last = end;
                }
                return;
            }
            for c in c.to_lowercase() {
                let alone = c.is_ascii_punctuation() || c.is_punctuation();
                go_on = go_on && (!alone || self.finish(each));
                self.push(c, end);
                go_on = go_on && (!alone || self.finish(each));
            }
        });
        go_on && (!ideograph || self.finish(each))
    }

    fn push(&mut self, c: char, end: usize) {
        self.text.push(c);
        self.ends.resize(self.text.len(), end);
    }

    fn finish(&mut self, each: &mut impl FnMut(Part<'_>) -> bool) -> bool {
        if self.text.is_empty() {
            return true;
        }
        let go_on = each(Part::Word { word: &self.text, ends: &self.ends });
        self.text.clear();
        self.ends.clear();
        go_on
    }
}

/// The blocks that BERT sets apart: CJK ideographs, not kana or hangul.
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}' |
        '\u{2A700}'..='\u{2B73F}' | '\u{2B740}'..='\u{2B81F}' | '\u{2B920}'..='\u{2CEAF}' |
        '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}
