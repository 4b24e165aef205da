//! Makes a client's file name harmless: a base name without control characters, at most 255 bytes. What it may name on a
//! disk is of no interest here; contents are stored under ids.

use percent_encoding::percent_decode;

/// The name of a content that came without one.
pub(crate) const UNTITLED: &str = "untitled";
/// What most file systems take.
const FILENAME_BYTES_MAX: usize = 255;
/// Longest ending that is kept when a name is cut.
const EXTENSION_BYTES_MAX: usize = 16;

/// The name as it is stored and shown; none if nothing is left of it.
pub(crate) fn sanitised(name: &str) -> Option<String> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = base.chars().filter(|character| !is_hidden(*character)).collect();
    let trimmed = visible.trim();
    if trimmed.is_empty() || trimmed == "." || trimmed == ".." {
        return None;
    }
    Some(cut(trimmed))
}

/// A percent-encoded UTF-8 name; none if it is not UTF-8. Characters that need no encoding may stand as they are.
pub(crate) fn percent_decoded(bytes: &[u8]) -> Option<String> {
    percent_decode(bytes).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Control characters, and the marks that make a name read other than it is written.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn cut(name: &str) -> String {
    if name.len() <= FILENAME_BYTES_MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').map(|dot| &name[dot..]).filter(|ending| ending.len() <= EXTENSION_BYTES_MAX);
    let ending = ending.unwrap_or_default();
    let end = name.floor_char_boundary(FILENAME_BYTES_MAX - ending.len());
    format!("{}{ending}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_its_base_name() {
        for (name, expected) in [
            ("report.pdf", Some("report.pdf")),
            ("/etc/passwd", Some("passwd")),
            ("C:\\Users\\me\\Zoë 📚.txt", Some("Zoë 📚.txt")),
            ("../../x", Some("x")),
            ("a\u{0}b\nc.txt", Some("abc.txt")),
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("", None),
            ("..", None),
            ("dir/", None),
            (" \t", None),
        ] {
            assert_eq!(sanitised(name).as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_keeps_its_ending() {
        let name = sanitised(&format!("{}.pdf", "é".repeat(300))).unwrap();
        assert!(name.len() <= FILENAME_BYTES_MAX && name.ends_with("é.pdf"), "{name}");
        assert!(sanitised(&"x".repeat(400)).unwrap().len() == FILENAME_BYTES_MAX);
    }

    #[test]
    fn a_header_carries_any_name() {
        assert_eq!(percent_decoded(b"Zo%C3%AB%20%F0%9F%93%9A.txt").unwrap(), "Zoë 📚.txt");
        assert_eq!(percent_decoded("Zoë.txt".as_bytes()).unwrap(), "Zoë.txt");
        assert_eq!(percent_decoded(b"100%.txt").unwrap(), "100%.txt");
        assert!(percent_decoded(b"%ff%fe").is_none());
    }
}
