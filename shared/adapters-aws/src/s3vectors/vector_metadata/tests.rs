//! Metadata comes back as it was written and stays within the service's limits; filters ask for what is stored.

use millrace_domain::{ChunkIndex, CollectionName, Generation};
use millrace_ports::IndexTarget;
use millrace_test_support::SeededIds;
use millrace_test_support::builders::new_key;
use proptest::prelude::*;

use super::*;

fn document(metadata: Value) -> IndexedDocument {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    let key = new_key(&SeededIds::new(1), "acme");
    let target = IndexTarget { key, collection: CollectionName::default(), generation: Generation::FIRST };
    IndexedDocument { target, filename: "report.pdf".into(), metadata }
}

fn chunk(text: &str) -> IndexedChunk {
    IndexedChunk {
        index: ChunkIndex::new(7),
        page: None,
        heading: None,
        start: 3_000_000_000,
        end: 3_000_000_123,
        text: text.into(),
    }
}

fn key(document: &IndexedDocument) -> VectorKey {
    let target = &document.target;
    VectorKey {
        document_id: target.key.document_id,
        generation: target.generation,
        chunk: ChunkIndex::new(7),
    }
}

/// What is filtered by, as the service would count it.
fn filterable(metadata: &Map<String, Value>) -> Map<String, Value> {
    metadata
        .iter()
        .filter(|(name, _)| !NOT_FILTERABLE.contains(&name.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::hash_map("\\PC{1,8}", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_it_wrote_within_the_limits(
        pairs in proptest::collection::hash_map("\\PC{1,128}", any_value(), 0..40),
        text in "\\PC{0,400}",
        heading in proptest::option::of("\\PC{0,50}"),
        page in any::<Option<u32>>(),
    ) {
        let document = document(Value::Object(pairs.into_iter().collect()));
        let chunk = IndexedChunk { page, heading, ..chunk(&text) };
        let metadata = metadata_of(&document, &chunk).unwrap();
        prop_assert!(metadata.len() <= 50);
        prop_assert!(Value::Object(filterable(&metadata)).to_string().len() <= 2_000);
        let read = read(&key(&document), &to_sdk(metadata)).unwrap();
        prop_assert_eq!(read, Described { filename: document.filename, metadata: document.metadata, chunk });
    }
}

#[test]
fn a_chunk_beyond_the_limit_is_refused() {
    let document = document(json!({}));
    assert!(metadata_of(&document, &chunk(&"x".repeat(38_000))).is_ok());
    let refused = metadata_of(&document, &chunk(&"x".repeat(39_000))).unwrap_err();
    assert!(refused.bytes > 39_000, "{refused}");
}

#[test]
fn pairs_that_do_not_fit_mark_the_vector() {
    let long = document(json!({ "a": "x".repeat(2_000), "b": 1, "c": null, "d": [], "e": [1, { "f": 2 }] }));
    let metadata = filterable(&metadata_of(&long, &chunk("a wing")).unwrap());
    assert_eq!(metadata[INCOMPLETE], true);
    assert_eq!((&metadata["m.b"], &metadata["m.e"]), (&json!(1), &json!([1])));
    assert!(!metadata.contains_key("m.a") && !metadata.contains_key("m.c") && !metadata.contains_key("m.d"));
    let short = document(json!({ "b": 1, "c": null, "d": [] }));
    assert!(!metadata_of(&short, &chunk("a wing")).unwrap().contains_key(INCOMPLETE));
}

#[test]
fn a_filter_asks_for_what_is_stored() {
    let none = BTreeSet::new();
    let asked = |metadata: Value, without: &BTreeSet<String>| {
        let filter = SearchFilter { documents: Vec::new(), metadata: metadata.as_object().unwrap().clone() };
        service_filter(&filter, without).map(|filter| to_value(&filter))
    };
    assert_eq!(asked(json!({}), &none), None);
    // Compared by the caller alone: the service has no such comparison, or may not have the key.
    assert_eq!(asked(json!({ "a": null, "b": [1], &"c".repeat(62): 1 }), &none), None);
    let year = json!({ "$or": [{ "m.year": { "$eq": 2024 } }, { "incomplete": { "$eq": true } }] });
    assert_eq!(asked(json!({ "year": 2024 }), &none), Some(year.clone()));
    let without = BTreeSet::from(["x:1".to_owned()]);
    let both = json!({ "$and": [{ "entry": { "$nin": ["x:1"] } }, year] });
    assert_eq!(asked(json!({ "year": 2024 }), &without), Some(both));
    let id = document(json!({})).target.key.document_id;
    let named = SearchFilter { documents: vec![id], metadata: Map::new() };
    let expected = json!({ "document": { "$in": [id.to_string()] } });
    assert_eq!(service_filter(&named, &none).map(|filter| to_value(&filter)), Some(expected));
}

#[test]
fn what_is_not_ours_is_not_read() {
    let key = key(&document(json!({})));
    for foreign in
        [json!({}), json!({ "text": 1 }), json!(null), json!({ "text": "a", "start": 0, "end": 1 })]
    {
        assert_eq!(read(&key, &to_document(&foreign)), None, "{foreign}");
    }
}
