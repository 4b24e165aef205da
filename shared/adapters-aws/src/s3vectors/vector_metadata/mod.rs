//! What is stored beside a vector, and filters on it. A hit is made from it without a second read: text, page, heading,
//! offsets and file name, none of which can be filtered by. Filters look at the document, at document and generation
//! together, and at those of the client's pairs that fit.
//!
//! The service allows 40 KB in all and 2 KB of what is filtered by. More than 40 KB is refused, which only chunks of some
//! thousand tokens reach. Pairs beyond 2 KB are left out of what the service filters by and the vector is marked; a filter
//! lets marked vectors through, and the caller compares with the whole pairs.

use std::collections::BTreeSet;

use aws_smithy_types::Document;
use millrace_ports::{IndexedChunk, IndexedDocument, SearchFilter};
use serde_json::{Map, Value, json};

use crate::s3vectors::document_value::{to_document, to_value};
use crate::s3vectors::vector_key::VectorKey;

/// Bytes of all metadata as JSON. The service says 40 KB and not how it counts; there is room below either meaning.
const ALL_BYTES_MAX: usize = 39_000;
/// Bytes of what is filtered by, of 2 KB; the same.
const FILTERABLE_BYTES_MAX: usize = 1_900;
/// Keys of one vector's metadata, of 50.
const KEYS_MAX: usize = 48;
/// Longest name of a key that is sure to be taken.
const KEY_BYTES_MAX: usize = 63;

const DOCUMENT: &str = "document";
const ENTRY: &str = "entry";
/// Marks vectors whose pairs are not all filterable.
const INCOMPLETE: &str = "incomplete";
/// In front of the name of a client's pair.
const PAIR: &str = "m.";
const TEXT: &str = "text";
const PAGE: &str = "page";
const HEADING: &str = "heading";
const START: &str = "start";
const END: &str = "end";
const FILENAME: &str = "filename";
/// All of the client's pairs, as JSON text.
const PAIRS: &str = "pairs";

/// What an index is told not to filter by, when it is created; it cannot be changed later.
pub(crate) const NOT_FILTERABLE: [&str; 7] = [TEXT, PAGE, HEADING, START, END, FILENAME, PAIRS];

/// What a vector's metadata says of its chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    pub(crate) filename: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) chunk: IndexedChunk,
}

/// The metadata of one chunk is larger than the service takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes of text and metadata in one chunk, of {ALL_BYTES_MAX}: cut smaller chunks")]
pub(crate) struct MetadataTooLarge {
    bytes: usize,
}

/// The metadata of a chunk.
pub(crate) fn metadata_of(
    document: &IndexedDocument,
    chunk: &IndexedChunk,
) -> Result<Map<String, Value>, MetadataTooLarge> {
    let target = &document.target;
    let document_id = target.key.document_id;
    let key = VectorKey { document_id, generation: target.generation, chunk: chunk.index };
    let Value::Object(mut metadata) = json!({
        DOCUMENT: document_id.to_string(),
        ENTRY: key.entry(),
        TEXT: chunk.text,
        START: chunk.start,
        END: chunk.end,
        FILENAME: document.filename,
    }) else {
        unreachable!("the literal is an object")
    };
    if let Some(page) = chunk.page {
        metadata.insert(PAGE.into(), page.into());
    }
    if let Some(heading) = &chunk.heading {
        metadata.insert(HEADING.into(), heading.clone().into());
    }
    if !document.metadata.is_empty() {
        metadata.insert(PAIRS.into(), Value::Object(document.metadata.clone()).to_string().into());
        add_pairs(&mut metadata, &document.metadata);
    }
    let bytes = json_bytes(&metadata);
    if bytes > ALL_BYTES_MAX { Err(MetadataTooLarge { bytes }) } else { Ok(metadata) }
}

/// Adds what filters can compare with, as far as it fits.
fn add_pairs(metadata: &mut Map<String, Value>, pairs: &Map<String, Value>) {
    let filterable = [DOCUMENT, ENTRY].map(|key| key.len() + metadata[key].to_string().len() + 4);
    let mut bytes = INCOMPLETE.len() + 16 + filterable.iter().sum::<usize>();
    for (name, value) in pairs {
        let Some(value) = comparable(value) else { continue };
        let size = PAIR.len() + name.len() + value.to_string().len() + 4;
        let fits = PAIR.len() + name.len() <= KEY_BYTES_MAX
            && bytes + size <= FILTERABLE_BYTES_MAX
            && metadata.len() < KEYS_MAX;
        if fits {
            bytes += size;
            metadata.insert(format!("{PAIR}{name}"), value);
        } else {
            metadata.insert(INCOMPLETE.into(), true.into());
        }
    }
}

/// The part of a value that a filter of the service can compare with; what it leaves out, `service_filter` never asks for.
fn comparable(value: &Value) -> Option<Value> {
    match value {
        Value::Array(values) => {
            let values: Vec<_> = values.iter().filter(|value| is_primitive(value)).cloned().collect();
            (!values.is_empty()).then_some(Value::Array(values))
        }
        value => is_primitive(value).then(|| value.clone()),
    }
}

fn is_primitive(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

fn json_bytes(metadata: &Map<String, Value>) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.to_string().len() + 4).sum()
}

/// The metadata as the SDK wants it.
pub(crate) fn to_sdk(metadata: Map<String, Value>) -> Document {
    to_document(&Value::Object(metadata))
}

/// Reads the metadata of the vector under a key; `None` if it is not what `metadata_of` writes.
pub(crate) fn read(key: &VectorKey, metadata: &Document) -> Option<Described> {
    let metadata = to_value(metadata);
    let text = |name: &str| metadata.get(name)?.as_str().map(str::to_owned);
    let number = |name: &str| metadata.get(name)?.as_f64().map(|number| number as u64);
    let pairs = match metadata.get(PAIRS) {
        Some(pairs) => serde_json::from_str(pairs.as_str()?).ok()?,
        None => Map::new(),
    };
    let chunk = IndexedChunk {
        index: key.chunk,
        page: number(PAGE).map(u32::try_from).transpose().ok()?,
        heading: text(HEADING),
        start: number(START)?,
        end: number(END)?,
        text: text(TEXT)?,
    };
    Some(Described { filename: text(FILENAME)?, metadata: pairs, chunk })
}

/// The service's filter: what may be returned, without these entries (`document:generation`). It lets through what it
/// cannot decide.
pub(crate) fn service_filter(filter: &SearchFilter, without: &BTreeSet<String>) -> Option<Document> {
    let mut all = Vec::new();
    if !filter.documents.is_empty() {
        let documents: Vec<_> = filter.documents.iter().map(ToString::to_string).collect();
        all.push(json!({ DOCUMENT: { "$in": documents } }));
    }
    if !without.is_empty() {
        all.push(json!({ ENTRY: { "$nin": without } }));
    }
    for (name, asked) in filter.metadata.iter().filter(|(_, asked)| is_primitive(asked)) {
        if PAIR.len() + name.len() <= KEY_BYTES_MAX {
            let pair = json!({ format!("{PAIR}{name}"): { "$eq": asked } });
            all.push(json!({ "$or": [pair, { INCOMPLETE: { "$eq": true } }] }));
        }
    }
    match all.len() {
        0 => None,
        1 => all.pop().map(|one| to_document(&one)),
        _ => Some(to_document(&json!({ "$and": all }))),
    }
}

#[cfg(test)]
mod tests;
