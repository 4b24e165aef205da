//! Collections and API keys in DynamoDB. Making and checking secrets is not done here; only their hashes arrive.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use millrace_domain::{Collection, CollectionName, ContentHash, Revision, TenantId};
use millrace_ports::{
    ApiKey, ApiKeyStore, COLLECTIONS_PAGE_MAX, CollectionPage, CollectionStore, ErrorKind, PortError,
};
use serde::de::DeserializeOwned;

use super::failure::{Role, dynamodb_error, transaction_error};
use super::item::{Item, check_size, number, text};
use super::query_pages::{query_after, query_all};
use super::schema::settings::REVISION;
use super::schema::{PARTITION, SORT};
use super::setting_item::{
    COLLECTIONS, MARKERS, api_key_item, api_key_setting_key, collection_item, collection_setting_key,
    marker_key, read_marker, read_setting, tenant_partition,
};
use super::table_name::TableName;

const IS_NEW: &str = "attribute_not_exists(pk)";
const HAS_REVISION: &str = "#revision = :seen";
/// Those that were stored before there were revisions have none.
const WAS_NEVER_REPLACED: &str =
    "attribute_exists(pk) AND (attribute_not_exists(#revision) OR #revision = :seen)";

/// The settings on AWS.
#[derive(Debug, Clone)]
pub struct DynamoDbSettings {
    client: Client,
    table: TableName,
}

impl DynamoDbSettings {
    /// Settings in a table.
    pub fn new(client: Client, table: TableName) -> Self {
        Self { client, table }
    }
}

#[async_trait]
impl CollectionStore for DynamoDbSettings {
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError> {
        self.read(collection_setting_key(tenant, name), &format!("read collection {name}")).await
    }

    async fn create_if_absent(&self, wanted: Collection) -> Result<Collection, PortError> {
        let attempted = format!("create collection {}", wanted.name);
        let stored = self.put_if_absent(collection_item(&wanted), &attempted).await?;
        Ok(stored.unwrap_or(wanted))
    }

    /// The record and the marker beside it change in one transaction, so that no saga is ever out of sight.
    async fn replace(&self, changed: Collection) -> Result<Collection, PortError> {
        let attempted = format!("change collection {}", changed.name);
        let next = Collection { revision: changed.revision.next(), ..changed };
        let record = self.replacing(&next, changed.revision, &attempted)?;
        // The SDK makes the token, one for each call: its own repetition after a lost reply is known by it and succeeds, that
        // of another caller with the same content is not.
        let sent =
            self.client.transact_write_items().transact_items(record).transact_items(self.marking(&next));
        let Err(error) = sent.send().await else { return Ok(next) };
        if is_absent(&error) {
            return Err(PortError::caused(ErrorKind::NotFound, attempted, error));
        }
        Err(transaction_error(error, attempted, &[Role::Setting; 2]))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionPage, PortError> {
        let attempted = "list collections";
        let limit = limit.clamp(1, COLLECTIONS_PAGE_MAX);
        let query = self
            .query(tenant_partition(tenant), "#pk = :pk AND begins_with(#sk, :collections)")
            .expression_attribute_names("#sk", SORT)
            .expression_attribute_values(":collections", text(COLLECTIONS));
        let after = after.map(|name| collection_setting_key(tenant, name));
        // One more, to know whether there is one.
        let items = query_after(query, after, limit + 1, attempted).await?;
        let collections: Result<Vec<Collection>, _> = items.iter().take(limit).map(read_setting).collect();
        let collections = collections.map_err(|error| error.while_attempting(attempted))?;
        let next = collections.last().filter(|_| items.len() > limit).map(|last| last.name.clone());
        Ok(CollectionPage { collections, next })
    }

    async fn under_reembedding(&self, limit: usize) -> Result<Vec<(TenantId, CollectionName)>, PortError> {
        let attempted = "list collections that are being re-embedded";
        let items = query_all(self.query(MARKERS.to_owned(), "#pk = :pk"), limit, attempted).await?;
        let marked: Result<Vec<_>, _> = items.iter().map(read_marker).collect();
        marked.map_err(|error| error.while_attempting(attempted))
    }
}

#[async_trait]
impl ApiKeyStore for DynamoDbSettings {
    async fn find(&self, secret_sha256: &ContentHash) -> Result<Option<ApiKey>, PortError> {
        self.read(api_key_setting_key(secret_sha256), "look up an API key").await
    }

    async fn create(&self, key: ApiKey) -> Result<(), PortError> {
        let attempted = "store an API key";
        match self.put_if_absent::<ApiKey>(api_key_item(&key), attempted).await? {
            // The same key is there when the answer to a first attempt was lost.
            Some(stored) if stored != key => {
                Err(PortError::caused(ErrorKind::Conflict, attempted, "the secret is taken"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl DynamoDbSettings {
    /// The put of a changed collection over one that has the expected revision still.
    fn replacing(
        &self,
        next: &Collection,
        expected: Revision,
        attempted: &str,
    ) -> Result<TransactWriteItem, PortError> {
        let item = collection_item(next);
        let item = item.map_err(|error| PortError::caused(ErrorKind::Invalid, attempted, error))?;
        check_size(&item, attempted)?;
        let condition = if expected == Revision::default() { WAS_NEVER_REPLACED } else { HAS_REVISION };
        let put = Put::builder()
            .table_name(self.table.as_str())
            .set_item(Some(item))
            .condition_expression(condition)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":seen", number(expected))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table and item are set");
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Sets the marker of a collection that bears a saga, takes it away from any other.
    fn marking(&self, collection: &Collection) -> TransactWriteItem {
        let (table, key) = (self.table.as_str(), marker_key(&collection.tenant_id, &collection.name));
        let write = TransactWriteItem::builder();
        if collection.reembedding.is_some() {
            let put = Put::builder().table_name(table).set_item(Some(key)).build();
            return write.put(put.expect("table and item are set")).build();
        }
        let delete = Delete::builder().table_name(table).set_key(Some(key)).build();
        write.delete(delete.expect("table and key are set")).build()
    }

    /// A query that sees every write that was acknowledged before.
    fn query(&self, partition: String, condition: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_values(":pk", text(partition))
    }

    async fn read<T: DeserializeOwned>(&self, key: Item, attempted: &str) -> Result<Option<T>, PortError> {
        let get = self.client.get_item().table_name(self.table.as_str()).consistent_read(true);
        let answer = get.set_key(Some(key)).send().await;
        let answer = answer.map_err(|error| dynamodb_error(error, attempted))?;
        let setting = answer.item().map(read_setting).transpose();
        setting.map_err(|error| error.while_attempting(attempted))
    }

    /// Stores an item unless there is one under its key; gives that one.
    async fn put_if_absent<T: DeserializeOwned>(
        &self,
        item: Result<Item, serde_json::Error>,
        attempted: &str,
    ) -> Result<Option<T>, PortError> {
        let item = item.map_err(|error| PortError::caused(ErrorKind::Invalid, attempted, error))?;
        check_size(&item, attempted)?;
        let put = self
            .client
            .put_item()
            .table_name(self.table.as_str())
            .set_item(Some(item))
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(None) };
        let stored = error.as_service_error().and_then(|error| match error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item(),
            _ => None,
        });
        let Some(stored) = stored else { return Err(dynamodb_error(error, attempted)) };
        read_setting(stored).map(Some).map_err(|error| error.while_attempting(attempted))
    }
}

/// Whether a replacement was refused because there is nothing to replace: the condition failed, and no item came with that.
fn is_absent<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return false;
    };
    let record = cancelled.cancellation_reasons().first();
    record.is_some_and(|reason| {
        reason.code() == Some("ConditionalCheckFailed") && reason.item().is_none_or(Item::is_empty)
    })
}
