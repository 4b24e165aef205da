//! Holds generated documents to the files under `events/`, from which others read them without building anything.

use std::path::Path;

/// `MILLRACE_UPDATE_API=1 cargo test -p millrace-api stored` writes the files anew.
const UPDATE: &str = "MILLRACE_UPDATE_API";

#[track_caller]
fn assert_current(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == generated, "events/{name} is out of date: run with {UPDATE}=1");
}

#[test]
fn the_stored_openapi_document_is_current() {
    assert_current("openapi.json", millrace_api::openapi_json());
}

#[test]
fn the_stored_asyncapi_document_is_current() {
    assert_current("asyncapi.json", millrace_api::asyncapi_json());
}
