//! Makes the tables in the emulator from their schemas. Their time to live stays off there: claims in tests run by a
//! clock that stands in the past.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType as Place, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use millrace_emulator::unique;

use super::schema::{self, KeyAttribute, KeyType, TableSchema};
use super::table_name::TableName;

/// A new, empty table.
pub(crate) async fn new_table(client: &Client, schema: &TableSchema) -> TableName {
    let name: TableName = unique("millrace").parse().unwrap();
    let mut attributes: Vec<KeyAttribute> = vec![schema.partition];
    attributes.extend(schema.sort);
    let mut table = client
        .create_table()
        .table_name(name.as_str())
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(schema.partition, schema.sort)));
    for index in schema.indexes {
        attributes.extend([index.partition, index.sort]);
        table = table.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .set_key_schema(Some(keys(index.partition, Some(index.sort))))
                .projection(projection(index.projection))
                .build()
                .unwrap(),
        );
    }
    attributes.sort_by_key(|attribute| attribute.name);
    attributes.dedup();
    if schema.has_stream {
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(StreamViewType::NewImage).build().unwrap();
        table = table.stream_specification(stream);
    }
    table
        .set_attribute_definitions(Some(attributes.into_iter().map(definition).collect()))
        .send()
        .await
        .unwrap();
    name
}

/// A new journal and a new ledger.
pub(crate) async fn new_journal(client: &Client) -> super::JournalTables {
    super::JournalTables {
        journal: new_table(client, &schema::journal::TABLE).await,
        ledger: new_table(client, &schema::ledger::TABLE).await,
    }
}

fn keys(partition: KeyAttribute, sort: Option<KeyAttribute>) -> Vec<KeySchemaElement> {
    let element = |attribute: KeyAttribute, place| {
        KeySchemaElement::builder().attribute_name(attribute.name).key_type(place).build().unwrap()
    };
    [Some(element(partition, Place::Hash)), sort.map(|sort| element(sort, Place::Range))]
        .into_iter()
        .flatten()
        .collect()
}

fn projection(held: schema::Projection) -> Projection {
    let projection = Projection::builder();
    match held {
        schema::Projection::KeysOnly => projection.projection_type(ProjectionType::KeysOnly).build(),
        schema::Projection::Include(names) => projection
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(names.iter().map(|name| (*name).to_owned()).collect()))
            .build(),
    }
}

fn definition(attribute: KeyAttribute) -> AttributeDefinition {
    let scalar = match attribute.key_type {
        KeyType::Text => ScalarAttributeType::S,
        KeyType::Number => ScalarAttributeType::N,
    };
    AttributeDefinition::builder().attribute_name(attribute.name).attribute_type(scalar).build().unwrap()
}
