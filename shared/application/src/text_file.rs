//! The stored shape of an extracted text, made piece by piece. As one piece, the text of a hostile document takes the worker
//! three times its own size: the text, and its JSON with an escape for every quote. The shape is that of `ExtractedText`,
//! which is what reads it back.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use millrace_ports::{ByteStream, ExtractedText};
use serde::Serialize;

/// Bytes of text that are escaped at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Where the text stands in the JSON of one that is empty. Inside a value its quotes would be escaped.
const EMPTY_TEXT: &[u8] = br#""text":"""#;

/// The JSON of a text, as it is stored.
pub(crate) fn text_file(text: Arc<ExtractedText>) -> ByteStream {
    let (head, tail) = around(&text);
    let mut at = 0;
    let pieces = std::iter::from_fn(move || {
        let rest = &text.text[at..];
        let piece = &rest[..rest.floor_char_boundary(PIECE_BYTES)];
        at += piece.len();
        (!piece.is_empty()).then(|| escaped(piece))
    });
    stream::iter(std::iter::once(head).chain(pieces).chain([tail]).map(Ok)).boxed()
}

/// What stands before and after the text's characters.
fn around(text: &ExtractedText) -> (Bytes, Bytes) {
    let without = ExtractedText {
        text: String::new(),
        media_type: text.media_type.clone(),
        pages: text.pages.clone(),
        headings: text.headings.clone(),
        title: text.title.clone(),
    };
    let mut head = json(&without);
    let found = head.windows(EMPTY_TEXT.len()).position(|window| window == EMPTY_TEXT);
    let quote = found.expect("a text has a member of that name") + EMPTY_TEXT.len() - 1;
    let tail = head.split_off(quote);
    (head, tail)
}

/// The inside of a JSON string. Each character is escaped by itself, so pieces put together are the whole.
fn escaped(piece: &str) -> Bytes {
    let quoted = json(piece);
    quoted.slice(1..quoted.len() - 1)
}

fn json(value: &(impl Serialize + ?Sized)) -> Bytes {
    serde_json::to_vec(value).expect("a text has string keys and no fallible serializer").into()
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, TryStreamExt as _};
    use millrace_ports::{HeadingSpan, PageSpan};

    use super::*;

    fn extracted(text: &str) -> Arc<ExtractedText> {
        Arc::new(ExtractedText {
            media_type: r#"text/plain; a="text":"""#.to_owned(),
            text: text.to_owned(),
            pages: vec![PageSpan { number: 1, start: 0, end: 1 }],
            headings: vec![HeadingSpan { level: 2, start: 0, end: 1 }],
            title: Some(r#""text":"""#.to_owned()),
        })
    }

    fn pieces(text: &Arc<ExtractedText>) -> Vec<Bytes> {
        let collected = text_file(Arc::clone(text)).try_collect().now_or_never();
        collected.expect("nothing to wait for").unwrap()
    }

    #[test]
    fn what_is_stored_is_what_was_stored_in_one_piece() {
        for text in ["x", "\"\\\n\t\u{1f}\u{2028}👍🏽 é", &"\"👍é\\".repeat(PIECE_BYTES / 4)] {
            let text = extracted(text);
            let stored = pieces(&text).concat();
            assert!(stored == serde_json::to_vec(&*text).unwrap());
            assert!(serde_json::from_slice::<ExtractedText>(&stored).unwrap() == *text);
        }
    }

    #[test]
    fn no_piece_grows_with_the_text() {
        let stored = pieces(&extracted(&"\"".repeat(20 * PIECE_BYTES)));
        assert_eq!(stored.len(), 22);
        assert!(stored.iter().all(|piece| piece.len() <= 2 * PIECE_BYTES));
    }
}
