//! Text for a terminal: without what could command it, and cut or wrapped by the columns it takes.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text without control characters: file names and documents come from others and must not steer the terminal.
/// Line ends and tabs are kept.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|&character| matches!(character, '\n' | '\t') || !is_steering(character)).collect()
}

/// The text cleaned, on one line, each run of white space one space.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let word = clean(word);
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    line
}

fn is_steering(character: char) -> bool {
    // The second group reorders text, so that a name reads as another one.
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns the text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// How many columns the character takes.
pub(crate) fn columns_of(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The text in at most `width` columns, with an ellipsis for what is left out.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += columns_of(character);
        if used + 1 > width {
            break;
        }
        fitted.push(character);
    }
    if width > 0 {
        fitted.push('…');
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}\u{202e}c\nd"), "a[31mbc\nd");
        assert_eq!(one_line("  a\r\n b\t\u{0} c "), "a b c");
    }

    #[test]
    fn wide_characters_count_double() {
        assert_eq!(fitted("日本語テキスト", 7), "日本語…");
        assert_eq!(columns(&fitted("日本語テキスト", 6)), 5);
        assert_eq!(fitted("short", 5), "short");
        assert_eq!(fitted("longer", 5), "long…");
        assert_eq!(fitted("x", 0), "");
    }
}
