//! The OpenAPI 3.1 document, made from the same list of operations as the router.

mod document;

use std::sync::LazyLock;

static DOCUMENT: LazyLock<String> = LazyLock::new(document::generate);

/// The OpenAPI document of this API, as it is served and as it is stored under `events/openapi.json`.
pub fn openapi_json() -> &'static str {
    &DOCUMENT
}
