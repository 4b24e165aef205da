//! Collections and API keys in DynamoDB. Making and checking secrets is not done here; only their hashes arrive.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use millrace_domain::{CollectionName, ContentHash, TenantId};
use millrace_ports::{ApiKey, ApiKeyStore, Collection, CollectionStore, ErrorKind, PortError};
use serde::de::DeserializeOwned;

use super::failure::dynamodb_error;
use super::item::{Item, check_size};
use super::setting_item::{
    api_key_item, api_key_setting_key, collection_item, collection_setting_key, read_setting,
};
use super::table_name::TableName;

const IS_NEW: &str = "attribute_not_exists(pk)";

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
