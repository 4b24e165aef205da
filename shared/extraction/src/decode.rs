//! Turns the bytes of a text format into a string, whatever common encoding they are in.
//! A byte order mark wins, then valid UTF-8, then UTF-16 by its pattern, then the declared charset, then
//! a statistical guess. It deliberately never fails: bytes without meaning become U+FFFD.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

const SAMPLE_BYTES: usize = 4096;
const GUESS_BYTES_MAX: usize = 1 << 20;

/// Decodes text whose charset may have been declared by a label such as `windows-1252`.
pub(crate) fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Cow<'a, str> {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark_bytes..]).0;
    }
    // ISO-2022-JP is made of ASCII bytes and escapes, so it would pass for UTF-8.
    let escapes = bytes.contains(&0x1b);
    if !bytes[..bytes.len().min(SAMPLE_BYTES)].contains(&0)
        && !escapes
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    if let Some(encoding) = utf_16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let declared = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    if let Some(encoding) = declared.filter(|&encoding| encoding != UTF_8) {
        let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
        if !had_errors {
            return text;
        }
    }
    guess(bytes).decode_without_bom_handling(bytes).0
}

/// UTF-16 shows as zero bytes at positions of one parity only.
pub(crate) fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES) & !1];
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let encoding = match (even, odd) {
        (0, 1..) => UTF_16LE,
        (1.., 0) => UTF_16BE,
        _ => return None,
    };
    let (text, had_errors) = encoding.decode_without_bom_handling(sample);
    let strange = text
        .chars()
        .filter(|c| (c.is_control() && !c.is_whitespace()) || ('\u{e000}'..='\u{f8ff}').contains(c));
    // The sample may end inside a surrogate pair, which costs one replacement character.
    let replaced = text.chars().filter(|&c| c == '\u{fffd}').count();
    (strange.count() == 0 && (!had_errors || replaced <= 1)).then_some(encoding)
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let sample = &bytes[..bytes.len().min(GUESS_BYTES_MAX)];
    detector.feed(sample, sample.len() == bytes.len());
    detector.guess(None, Utf8Detection::Allow)
}

/// The charset parameter of a media type such as `text/html; charset=utf-8`.
pub(crate) fn charset_parameter(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_encodings_are_read() {
        let japanese = "これは日本語の文章です。東京都に住んでいます。";
        let (shift_jis, _, _) = encoding_rs::SHIFT_JIS.encode(japanese);
        assert_eq!(decode(&shift_jis, None), japanese);
        let (iso_2022_jp, _, _) = encoding_rs::ISO_2022_JP.encode(japanese);
        assert_eq!(decode(&iso_2022_jp, None), japanese);
        assert_eq!(decode(b"caf\xe9 \x93quoted\x94 na\xefve fa\xe7ade", None), "café “quoted” naïve façade");
        assert_eq!(decode("\u{feff}żółć".as_bytes(), None), "żółć");
        let cyrillic = "Съешь же ещё этих мягких французских булок";
        let (koi8, _, _) = encoding_rs::KOI8_R.encode(cyrillic);
        assert_eq!(decode(&koi8, Some("koi8-r")), cyrillic);
    }

    #[test]
    fn utf_16_is_read_with_and_without_mark() {
        let words = "Hello wörld, これは 👍 fine";
        let little: Vec<u8> = words.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = words.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&little, None), words);
        assert_eq!(decode(&big, None), words);
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(little).collect();
        assert_eq!(decode(&marked, None), words);
    }

    #[test]
    fn the_charset_parameter_is_found() {
        assert_eq!(charset_parameter("text/plain; Charset=\"Shift_JIS\""), Some("Shift_JIS"));
        assert_eq!(charset_parameter("text/plain"), None);
    }
}
