//! JSON and JSON lines to text: one `path: value` line per leaf, written while parsing, so that memory
//! does not grow with nesting or size. It deliberately falls back to the plain text when the content is
//! no JSON after all.

use std::fmt;

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::media_type::Format;
use crate::text_builder::{Separator, TextBuilder};
use crate::{decode, plain_text};

pub(crate) fn extract(
    bytes: &[u8],
    charset: Option<&str>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let text = decode::decode(bytes, charset);
    let mut writer = Writer { out: TextBuilder::new(limits), path: String::new(), depth: 0, failure: None };
    let mut rest = text.trim_start_matches('\u{feff}').trim();
    while !rest.is_empty() {
        let mut parser = serde_json::Deserializer::from_str(rest).into_iter::<&serde_json::value::RawValue>();
        let Some(Ok(value)) = parser.next() else { return plain_text::extract(bytes, charset, limits) };
        let consumed = parser.byte_offset();
        let outcome = Leaf(&mut writer).deserialize(&mut serde_json::Deserializer::from_str(value.get()));
        if let Some(failure) = writer.failure.take() {
            return Err(failure);
        }
        if outcome.is_err() {
            return plain_text::extract(bytes, charset, limits);
        }
        writer.out.end_paragraph();
        rest = rest[consumed..].trim_start();
    }
    writer.out.finish(Format::Json.media_type(), "the JSON holds no values")
}

/// Longest path written in front of a value: keys of a megabyte would be repeated for every leaf below them.
const PATH_CHARS_MAX: usize = 200;

struct Writer {
    out: TextBuilder,
    path: String,
    depth: usize,
    failure: Option<ExtractionError>,
}

impl Writer {
    fn write<E: Error>(&mut self, value: &str) -> Result<(), E> {
        if value.trim().is_empty() {
            return Ok(());
        }
        self.out.request(Separator::Line);
        let path = match self.path.char_indices().nth(PATH_CHARS_MAX) {
            None if self.path.is_empty() => String::new(),
            None => format!("{}: ", self.path),
            Some((end, _)) => format!("{}…: ", &self.path[..end]),
        };
        let written = self.out.push(&path).and_then(|()| self.out.push(value));
        written.map_err(|failure| {
            self.failure = Some(failure);
            E::custom("stopped")
        })
    }
}

struct Leaf<'a>(&'a mut Writer);

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.write(value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.write(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.write(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.write(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.write(&value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.0.depth += 1;
        while sequence.next_element_seed(Leaf(self.0))?.is_some() {
            // Records of a top-level list are paragraphs.
            if self.0.depth == 1 {
                self.0.out.end_paragraph();
            }
        }
        self.0.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let writer = self.0;
        writer.depth += 1;
        while let Some(key) = map.next_key::<String>()? {
            let outer_bytes = writer.path.len();
            if outer_bytes > 0 {
                writer.path.push('.');
            }
            writer.path.push_str(&key);
            map.next_value_seed(Leaf(writer))?;
            writer.path.truncate(outer_bytes);
        }
        writer.depth -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ExtractedText {
        extract(json.as_bytes(), None, &ExtractionLimits::default()).unwrap()
    }

    #[test]
    fn leaves_become_lines_in_document_order() {
        assert_eq!(
            read(r#"{"b": {"c": "x y", "d": [1, 2.5, null]}, "a": true}"#).text,
            "b.c: x y\nb.d: 1\nb.d: 2.5\na: true"
        );
        assert_eq!(read("[{\"a\":1,\"b\":2},{\"a\":3}]").text, "a: 1\nb: 2\n\na: 3");
        assert_eq!(read("{\"a\":1}\n{\"a\":2}\n").text, "a: 1\n\na: 2");
    }

    #[test]
    fn what_is_no_json_stays_text() {
        let text = read("{\"a\": 1, broken");
        assert_eq!((text.text.as_str(), text.media_type.as_str()), ("{\"a\": 1, broken", "text/plain"));
    }

    #[test]
    fn a_long_key_is_not_repeated_for_every_value_below_it() {
        let json = format!("{{\"{}\": {{\"a\": 1, \"b\": 2}}}}", "k".repeat(100_000));
        let text = read(&json).text;
        assert!(text.len() < 1_000 && text.ends_with("…: 2"), "{} bytes", text.len());
    }

    #[test]
    fn deep_nesting_is_survived() {
        let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&json).media_type, "text/plain");
    }
}
