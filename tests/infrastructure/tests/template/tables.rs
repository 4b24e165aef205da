//! The DynamoDB tables against the names that the adapter reads and writes by.

use std::collections::{BTreeMap, BTreeSet};

use millrace_adapters_aws::dynamodb::schema::{
    IndexSchema, KeyAttribute, KeyType, Projection, TableSchema, journal, ledger, settings, vectors_cache,
    views, words,
};
use serde_json::{Value, json};

use crate::expanded::{list, properties, resources};

const TABLES: [(&str, TableSchema); 6] = [
    ("JournalTable", journal::TABLE),
    ("LedgerTable", ledger::TABLE),
    ("ViewsTable", views::TABLE),
    ("SettingsTable", settings::TABLE),
    ("WordsTable", words::TABLE),
    ("VectorCacheTable", vectors_cache::TABLE),
];

fn key_schema(partition: KeyAttribute, sort: Option<KeyAttribute>) -> Value {
    let mut keys = vec![json!({ "AttributeName": partition.name, "KeyType": "HASH" })];
    keys.extend(sort.map(|sort| json!({ "AttributeName": sort.name, "KeyType": "RANGE" })));
    keys.into()
}

fn index(schema: &IndexSchema) -> Value {
    let projection = match schema.projection {
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(names) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
    };
    let keys = key_schema(schema.partition, Some(schema.sort));
    json!({ "IndexName": schema.name, "KeySchema": keys, "Projection": projection })
}

#[test]
fn the_tables_are_those_of_the_adapter() {
    let deployed: BTreeSet<&str> = resources("AWS::DynamoDB::Table").into_keys().collect();
    assert_eq!(deployed, TABLES.map(|(name, _)| name).into());
}

#[test]
fn keys_and_indexes_are_what_the_adapter_reads_by() {
    for (name, schema) in TABLES {
        let deployed = properties(name);
        assert_eq!(deployed["KeySchema"], key_schema(schema.partition, schema.sort), "{name}");
        let indexes: Vec<Value> = schema.indexes.iter().map(index).collect();
        let deployed_indexes = deployed.get("GlobalSecondaryIndexes").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(deployed_indexes, Value::from(indexes), "{name}");
    }
}

#[test]
fn every_key_attribute_has_the_type_that_the_adapter_writes() {
    for (name, schema) in TABLES {
        let of_indexes = schema.indexes.iter().flat_map(|index| [index.partition, index.sort]);
        let keys = [schema.partition].into_iter().chain(schema.sort).chain(of_indexes);
        let wanted: BTreeMap<&str, &str> = keys
            .map(|key| match key.key_type {
                KeyType::Text => (key.name, "S"),
                KeyType::Number => (key.name, "N"),
            })
            .collect();
        let defined = |attribute: &&'static Value| {
            let text = |part: &str| attribute[part].as_str().unwrap();
            (text("AttributeName"), text("AttributeType"))
        };
        let deployed: BTreeMap<&str, &str> =
            list(&properties(name)["AttributeDefinitions"]).iter().map(defined).collect();
        assert_eq!(deployed, wanted, "{name}");
    }
}

#[test]
fn items_are_forgotten_and_streamed_where_the_adapter_says_so() {
    for (name, schema) in TABLES {
        let deployed = properties(name);
        let forgets = deployed["TimeToLiveSpecification"]["AttributeName"].as_str();
        assert_eq!(forgets, schema.time_to_live, "{name}");
        assert_eq!(deployed["StreamSpecification"].is_object(), schema.has_stream, "{name}");
    }
}

#[test]
fn what_cannot_be_rebuilt_has_backups_and_outlives_the_stack() {
    for name in ["JournalTable", "SettingsTable", "WordsTable"] {
        let resource = &crate::expanded::template()["Resources"][name];
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
        let backups = &resource["Properties"]["PointInTimeRecoverySpecification"];
        assert_eq!(backups["PointInTimeRecoveryEnabled"], true, "{name}");
    }
}
