//! The conditional updates of a held claim: each succeeds only for the owner. Completing is the same update by itself and
//! within an append's transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use millrace_domain::Timestamp;
use millrace_ports::{Claim, PortError};

use super::item::{Item, check_size, instant, item_of, number, second_at_or_after, text};
use super::schema::TIME_TO_LIVE;
use super::schema::ledger::{ATTEMPT, DONE_AT, EXPIRES_AT, OWNER, REMEMBER_S, RESULT, REVISION, STEP};
use super::table_name::TableName;

const IS_OWNER: &str = "#owner = :owner";
const IS_OWNER_OF_UNDONE: &str = "#owner = :owner AND attribute_not_exists(#result)";

// A step that its owner completed before keeps its first result, and is remembered from then; only DynamoDB's own deletion
// is put off a little, which no reader notices.
const COMPLETE: &str = "SET #result = if_not_exists(#result, :result), #done_at = if_not_exists(#done_at, :at), \
     #ttl = #remember_s + :at_s ADD #revision :one";
const EXTEND: &str = "SET #expires_at = :until, #ttl = #remember_s + :until_s ADD #revision :one";
const RELEASE: &str = "SET #attempt = #attempt - :uncounted ADD #revision :one REMOVE #owner";

/// A result that DynamoDB would refuse for its size, refused with a reason that says so.
pub(crate) fn check_result(result: &str, attempted: &str) -> Result<(), PortError> {
    check_size(&item_of([(RESULT, text(result))]), attempted)
}

/// An update of a claim on the condition that it is still its owner's.
#[derive(Debug)]
pub(crate) struct ClaimUpdate {
    key: Item,
    update: &'static str,
    condition: &'static str,
    names: HashMap<String, String>,
    values: Item,
}

impl ClaimUpdate {
    /// Notes the result. An expired claim is its owner's until somebody takes it over.
    pub(crate) fn complete(claim: &Claim, result: &str, at: Timestamp) -> Self {
        Self::of(claim, COMPLETE, IS_OWNER)
            .naming([
                ("#result", RESULT),
                ("#done_at", DONE_AT),
                ("#remember_s", REMEMBER_S),
                ("#ttl", TIME_TO_LIVE),
            ])
            .with([
                (":result", text(result)),
                (":at", instant(at)),
                (":at_s", number(second_at_or_after(at))),
            ])
    }

    /// Prolongs the lease.
    pub(crate) fn extend(claim: &Claim, until: Timestamp) -> Self {
        Self::of(claim, EXTEND, IS_OWNER)
            .naming([("#expires_at", EXPIRES_AT), ("#remember_s", REMEMBER_S), ("#ttl", TIME_TO_LIVE)])
            .with([(":until", instant(until)), (":until_s", number(second_at_or_after(until)))])
    }

    /// Gives the claim back undone.
    pub(crate) fn release(claim: &Claim, attempt_counts: bool) -> Self {
        Self::of(claim, RELEASE, IS_OWNER_OF_UNDONE)
            .naming([("#attempt", ATTEMPT), ("#result", RESULT)])
            .with([(":uncounted", number(u8::from(!attempt_counts)))])
    }

    fn of(claim: &Claim, update: &'static str, condition: &'static str) -> Self {
        Self {
            key: item_of([(STEP, text(claim.step.as_str()))]),
            update,
            condition,
            names: HashMap::new(),
            values: Item::new(),
        }
        .naming([("#owner", OWNER), ("#revision", REVISION)])
        .with([(":owner", text(claim.owner.to_string())), (":one", number(1))])
    }

    fn naming<const COUNT: usize>(mut self, names: [(&str, &str); COUNT]) -> Self {
        self.names.extend(names.map(|(placeholder, name)| (placeholder.to_owned(), name.to_owned())));
        self
    }

    fn with<const COUNT: usize>(mut self, values: [(&str, AttributeValue); COUNT]) -> Self {
        self.values.extend(item_of(values));
        self
    }

    /// As part of a transaction.
    pub(crate) fn in_transaction(self, ledger: &TableName) -> Update {
        Update::builder()
            .table_name(ledger.as_str())
            .set_key(Some(self.key))
            .update_expression(self.update)
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .build()
            .expect("table, key and expression are set")
    }

    /// By itself.
    pub(crate) async fn send(
        self,
        client: &Client,
        ledger: &TableName,
    ) -> Result<(), SdkError<UpdateItemError, HttpResponse>> {
        client
            .update_item()
            .table_name(ledger.as_str())
            .set_key(Some(self.key))
            .update_expression(self.update)
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .send()
            .await
            .map(drop)
    }
}
