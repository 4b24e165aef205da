//! The AsyncAPI 3.0 document, made from the schemas of events and jobs.

mod document;
mod schemas;

use std::sync::LazyLock;

static DOCUMENT: LazyLock<String> = LazyLock::new(document::generate);

/// The AsyncAPI document of the events and jobs, as it is served and as it is stored under `events/asyncapi.json`.
pub fn asyncapi_json() -> &'static str {
    &DOCUMENT
}
