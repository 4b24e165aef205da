//! What goes over the pipes between the extractor and its child: a header line and the document one way,
//! one framed result the other way. The text travels raw, so that a large one is not escaped and copied.
//! It deliberately carries one document only.

use std::io::{self, Read, Write};

use millrace_ports::{ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits};
use serde::{Deserialize, Serialize};

/// Marks the start of a result.
pub(crate) const MAGIC: [u8; 8] = *b"MRXTRCT1";
/// Longest header line and longest result head: page and heading spans of the largest document fit.
pub(crate) const HEAD_BYTES_MAX: u64 = 64 << 20;

/// The first line the child reads; the document follows until the end of its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) hints: ExtractionHints,
    pub(crate) limits: ExtractionLimits,
}

/// The result but for its text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Head {
    Extracted(ExtractedText),
    Failed(ExtractionError),
}

/// Lengths of a result's head and text, in front of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) head_bytes: u64,
    pub(crate) text_bytes: u64,
}

pub(crate) const PREFIX_BYTES: usize = MAGIC.len() + 16;

impl Lengths {
    /// Reads the prefix of a result; nothing if it is not one or claims more than is allowed.
    pub(crate) fn parse(prefix: &[u8; PREFIX_BYTES], text_bytes_max: u64) -> Option<Self> {
        let (magic, lengths) = prefix.split_at(MAGIC.len());
        let (head, text) = lengths.split_at(8);
        let found = Self {
            head_bytes: u64::from_le_bytes(head.try_into().ok()?),
            text_bytes: u64::from_le_bytes(text.try_into().ok()?),
        };
        (magic == MAGIC && found.head_bytes <= HEAD_BYTES_MAX && found.text_bytes <= text_bytes_max)
            .then_some(found)
    }
}

/// Writes one result.
pub(crate) fn write_result(
    out: &mut impl Write,
    result: Result<ExtractedText, ExtractionError>,
) -> io::Result<()> {
    let (head, text) = match result {
        Ok(mut extracted) => {
            let text = std::mem::take(&mut extracted.text);
            (Head::Extracted(extracted), text)
        }
        Err(error) => (Head::Failed(error), String::new()),
    };
    let head = serde_json::to_vec(&head)?;
    out.write_all(&MAGIC)?;
    out.write_all(&(head.len() as u64).to_le_bytes())?;
    out.write_all(&(text.len() as u64).to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Puts a result together from what was read.
pub(crate) fn join(head: &[u8], text: Vec<u8>) -> Option<Result<ExtractedText, ExtractionError>> {
    Some(match serde_json::from_slice(head).ok()? {
        Head::Extracted(mut extracted) => {
            extracted.text = String::from_utf8(text).ok()?;
            Ok(extracted)
        }
        Head::Failed(error) => Err(error),
    })
}

/// Reads the request line, byte by byte: what follows belongs to the document.
pub(crate) fn read_request(input: &mut impl Read) -> io::Result<Request> {
    let mut line = Vec::new();
    let mut byte = [0];
    while input.read(&mut byte)? == 1 && byte[0] != b'\n' {
        if line.len() as u64 >= HEAD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request line does not end"));
        }
        line.push(byte[0]);
    }
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_survives_the_pipe() {
        let extracted = ExtractedText {
            media_type: "text/plain".to_owned(),
            text: "héllo\n\nMRXTRCT1 👍".to_owned(),
            pages: Vec::new(),
            headings: Vec::new(),
            title: Some("t".to_owned()),
        };
        for result in [Ok(extracted), Err(ExtractionError::Corrupt("why".to_owned()))] {
            let mut bytes = Vec::new();
            write_result(&mut bytes, result.clone()).unwrap();
            let prefix: [u8; PREFIX_BYTES] = bytes[..PREFIX_BYTES].try_into().unwrap();
            let lengths = Lengths::parse(&prefix, 1000).unwrap();
            let (head, text) = bytes[PREFIX_BYTES..].split_at(lengths.head_bytes as usize);
            assert_eq!(text.len() as u64, lengths.text_bytes);
            assert_eq!(join(head, text.to_vec()), Some(result));
        }
    }

    #[test]
    fn a_result_that_claims_too_much_is_none() {
        let mut prefix = [0xff; PREFIX_BYTES];
        prefix[..MAGIC.len()].copy_from_slice(&MAGIC);
        assert_eq!(Lengths::parse(&prefix, 1 << 30), None);
    }
}
