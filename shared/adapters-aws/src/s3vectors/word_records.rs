//! The words of a collection in DynamoDB: parts by document, generation and position, and for each generation how far its
//! chunks ever reached (its extent), which a purge leaves behind for a while so that vectors of a straggler can still be
//! named. Nothing here knows what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ChunkIndex, CollectionName, DocumentId, Generation, TenantId, Timestamp};
use millrace_ports::{ErrorKind, IndexedChunk, IndexedDocument, PortError};
use sha2::{Digest, Sha256};

use super::word_key::{ExtentKey, PartKey, extents_prefix, generation_prefix, partition, parts_prefix};
use super::word_part::{PART_CHUNKS, WordPart, part_of};
use crate::dynamodb::TableName;
use crate::dynamodb::batch_get::get_items;
use crate::dynamodb::batch_write::{delete_request, write_items};
use crate::dynamodb::failure::dynamodb_error;
use crate::dynamodb::item::{
    Item, UnreadableItem, check_size, item_of, number, read_number, read_text, second_at_or_after, text,
};
use crate::dynamodb::query_pages::{query_all, query_page};
use crate::dynamodb::schema::words::{BODY, CHUNKS, REVISION};
use crate::dynamodb::schema::{PARTITION, SORT, TIME_TO_LIVE};

/// Parts written at once.
const WRITES_AT_ONCE: usize = 4;
/// How often a part is read and written again because another writer was faster. Only a stale worker is one.
const REWRITES_MAX: usize = 5;

/// Whose words, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) collection: &'a CollectionName,
}

/// A part as it was stored: its key, its content's hash, and its bytes, which need not be unpacked if they are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredPart {
    pub(crate) key: PartKey,
    pub(crate) revision: String,
    pub(crate) body: Vec<u8>,
}

/// How many words are read of a collection's newest documents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Bytes of compressed parts; the last part may exceed it.
    pub(crate) bytes: usize,
    /// Documents.
    pub(crate) documents: usize,
}

/// The word records of all collections.
#[derive(Debug, Clone)]
pub(crate) struct WordRecords {
    client: Client,
    table: TableName,
}

impl WordRecords {
    pub(crate) fn new(client: Client, table: TableName) -> Self {
        Self { client, table }
    }

    /// Writes chunks of a generation; those that are there already are replaced.
    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        document: &IndexedDocument,
        chunks: &[IndexedChunk],
    ) -> Result<(), PortError> {
        let Some(last) = chunks.iter().map(|chunk| chunk.index).max() else { return Ok(()) };
        let target = &document.target;
        let (document_id, generation) = (target.key.document_id, target.generation);
        self.extend(place, ExtentKey { document_id, generation }, last.get().saturating_add(1)).await?;
        let mut parts: BTreeMap<u32, WordPart> = BTreeMap::new();
        for chunk in chunks {
            let part = parts.entry(part_of(chunk.index)).or_insert_with(|| WordPart {
                filename: document.filename.clone(),
                metadata: document.metadata.clone(),
                chunks: BTreeMap::new(),
            });
            part.chunks.insert(chunk.index, chunk.clone());
        }
        let writes = parts
            .into_iter()
            .map(|(part, content)| self.put_part(place, PartKey { document_id, generation, part }, content));
        stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).try_collect().await
    }

    /// Writes some chunks of a part and keeps the others.
    async fn put_part(&self, place: Place<'_>, key: PartKey, new: WordPart) -> Result<(), PortError> {
        let attempted = format!("store words of document {}", key.document_id);
        let mut revision = None;
        let mut content = new.clone();
        for _ in 0..REWRITES_MAX {
            let is_whole = content.chunks.len() == PART_CHUNKS as usize;
            let item = self.item(place, key, &content, &attempted)?;
            let put = self.client.put_item().table_name(self.table.as_str()).set_item(Some(item));
            let put = match &revision {
                // Nothing that was there could be missed.
                _ if is_whole && new.chunks.len() == content.chunks.len() => put,
                None => put.condition_expression(format!("attribute_not_exists({SORT})")),
                Some(revision) => put
                    .condition_expression(format!("{REVISION} = :seen"))
                    .expression_attribute_values(":seen", text(revision)),
            };
            match put.send().await.map_err(|error| dynamodb_error(error, &attempted)) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
            let there = self.parts_named(place, vec![key], &attempted).await?.pop();
            revision = there.as_ref().map(|part| part.revision.clone());
            content = new.clone();
            if let Some(there) = there {
                for (index, chunk) in there.unpack(&attempted)?.chunks {
                    content.chunks.entry(index).or_insert(chunk);
                }
            }
        }
        Err(PortError::new(ErrorKind::Conflict, attempted))
    }

    fn item(
        &self,
        place: Place<'_>,
        key: PartKey,
        content: &WordPart,
        attempted: &str,
    ) -> Result<Item, PortError> {
        let packed = content.to_bytes();
        let body = packed.map_err(|error| PortError::caused(ErrorKind::Invalid, attempted, error))?;
        let item = item_of([
            (PARTITION, text(partition(place.tenant, place.collection))),
            (SORT, text(key.to_text())),
            (CHUNKS, number(content.chunks.len())),
            (REVISION, text(hex::encode(Sha256::digest(&body)))),
            (BODY, AttributeValue::B(Blob::new(body))),
        ]);
        check_size(&item, attempted)?;
        Ok(item)
    }

    /// Notes that a generation has at least so many chunks, and that it is in use.
    async fn extend(&self, place: Place<'_>, key: ExtentKey, chunks: u32) -> Result<(), PortError> {
        let attempted = format!("note the extent of document {}", key.document_id);
        let update = || {
            self.client
                .update_item()
                .table_name(self.table.as_str())
                .set_key(Some(record_key(place, key.to_text())))
        };
        for _ in 0..REWRITES_MAX {
            let longer = update()
                .update_expression("SET #chunks = :chunks REMOVE #ttl")
                .condition_expression("attribute_not_exists(#chunks) OR #chunks < :chunks")
                .expression_attribute_names("#chunks", CHUNKS)
                .expression_attribute_names("#ttl", TIME_TO_LIVE)
                .expression_attribute_values(":chunks", number(chunks));
            match longer.send().await.map_err(|error| dynamodb_error(error, &attempted)) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
            let kept = update()
                .update_expression("REMOVE #ttl")
                .condition_expression("#chunks >= :chunks")
                .expression_attribute_names("#chunks", CHUNKS)
                .expression_attribute_names("#ttl", TIME_TO_LIVE)
                .expression_attribute_values(":chunks", number(chunks));
            match kept.send().await.map_err(|error| dynamodb_error(error, &attempted)) {
                Ok(_) => return Ok(()),
                // It ran out between the two.
                Err(error) if error.kind == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(PortError::new(ErrorKind::Conflict, attempted))
    }

    /// The parts in which some chunks of a generation lie.
    pub(crate) async fn parts_of(
        &self,
        place: Place<'_>,
        generation: ExtentKey,
        chunks: impl Iterator<Item = ChunkIndex>,
    ) -> Result<Vec<StoredPart>, PortError> {
        let attempted = format!("read words of document {}", generation.document_id);
        let ExtentKey { document_id, generation } = generation;
        let parts: BTreeSet<u32> = chunks.map(part_of).collect();
        let keys = parts.into_iter().map(|part| PartKey { document_id, generation, part }).collect();
        self.parts_named(place, keys, &attempted).await
    }

    async fn parts_named(
        &self,
        place: Place<'_>,
        keys: Vec<PartKey>,
        attempted: &str,
    ) -> Result<Vec<StoredPart>, PortError> {
        let keys = keys.into_iter().map(|key| record_key(place, key.to_text())).collect();
        let items = get_items(&self.client, &self.table, keys, true, attempted).await?;
        items.into_iter().map(|item| StoredPart::read(item, attempted)).collect()
    }

    /// The parts of the newest documents, newest first, and whether there are more.
    pub(crate) async fn newest(
        &self,
        place: Place<'_>,
        window: Window,
    ) -> Result<(Vec<StoredPart>, bool), PortError> {
        let attempted = "read the newest words of a collection";
        let query = self.query(place, parts_prefix(None)).scan_index_forward(false);
        let (mut parts, mut bytes, mut documents) = (Vec::new(), 0, BTreeSet::new());
        let mut take = |item: Item| -> Result<ControlFlow<()>, PortError> {
            let part = StoredPart::read(item, attempted)?;
            let is_new = documents.insert(part.key.document_id);
            if bytes >= window.bytes || (is_new && documents.len() > window.documents) {
                return Ok(ControlFlow::Break(()));
            }
            bytes += part.body.len();
            parts.push(part);
            Ok(ControlFlow::Continue(()))
        };
        let mut start = None;
        loop {
            let page = query_page(query.clone(), start, attempted).await?;
            for item in page.items {
                if take(item)?.is_break() {
                    return Ok((parts, true));
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok((parts, false));
            }
        }
    }

    /// The parts of one document, all generations, up to a bound of bytes as in `newest`.
    pub(crate) async fn of_document(
        &self,
        place: Place<'_>,
        document_id: DocumentId,
        bytes_max: usize,
    ) -> Result<Vec<StoredPart>, PortError> {
        let attempted = format!("read words of document {document_id}");
        let query = self.query(place, parts_prefix(Some(document_id))).scan_index_forward(false);
        let (mut parts, mut bytes, mut start) = (Vec::new(), 0, None);
        while bytes < bytes_max {
            let page = query_page(query.clone(), start, &attempted).await?;
            for item in page.items {
                let part = StoredPart::read(item, &attempted)?;
                bytes += part.body.len();
                parts.push(part);
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        Ok(parts)
    }

    /// How far the generations of a document ever reached, or one of them.
    pub(crate) async fn extents(
        &self,
        place: Place<'_>,
        document_id: DocumentId,
        generation: Option<Generation>,
    ) -> Result<Vec<(ExtentKey, u32)>, PortError> {
        let attempted = format!("read the extents of document {document_id}");
        let query = self.query(place, extents_prefix(document_id));
        let items = query_all(query, usize::MAX, &attempted).await?;
        let read = |item: &Item| -> Result<(ExtentKey, u32), UnreadableItem> {
            let key = ExtentKey::parse(read_text(item, SORT)?).ok_or(UnreadableItem::OtherType(SORT))?;
            Ok((key, read_number(item, CHUNKS)?))
        };
        let all: Result<Vec<_>, UnreadableItem> = items.iter().map(read).collect();
        let all = all.map_err(|error| error.while_attempting(&attempted))?;
        let wanted = |key: &ExtentKey| generation.is_none_or(|generation| generation == key.generation);
        Ok(all.into_iter().filter(|(key, _)| wanted(key)).collect())
    }

    /// How many chunks of a generation have words.
    pub(crate) async fn count(&self, place: Place<'_>, generation: ExtentKey) -> Result<u64, PortError> {
        let attempted = format!("count words of document {}", generation.document_id);
        let items = self.outlines(place, generation, &attempted).await?;
        let counts: Result<Vec<u64>, _> = items.iter().map(|item| read_number(item, CHUNKS)).collect();
        Ok(counts.map_err(|error| error.while_attempting(&attempted))?.into_iter().sum())
    }

    /// Removes the words of a generation.
    pub(crate) async fn remove(&self, place: Place<'_>, generation: ExtentKey) -> Result<(), PortError> {
        let attempted = format!("remove words of document {}", generation.document_id);
        let items = self.outlines(place, generation, &attempted).await?;
        let delete = |mut item: Item| {
            item.retain(|name, _| name == PARTITION || name == SORT);
            delete_request(item)
        };
        let deletions = items.into_iter().map(delete).collect();
        write_items(&self.client, &self.table, deletions, &attempted).await
    }

    /// Lets the extent of a purged generation be forgotten, unless it is written again.
    pub(crate) async fn expire(
        &self,
        place: Place<'_>,
        key: ExtentKey,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let attempted = format!("let the extent of document {} expire", key.document_id);
        let update = self
            .client
            .update_item()
            .table_name(self.table.as_str())
            .set_key(Some(record_key(place, key.to_text())))
            .update_expression("SET #ttl = :at")
            .condition_expression("attribute_exists(#chunks)")
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .expression_attribute_names("#chunks", CHUNKS)
            .expression_attribute_values(":at", number(second_at_or_after(at)));
        match update.send().await.map_err(|error| dynamodb_error(error, attempted)) {
            Err(error) if error.kind != ErrorKind::Conflict => Err(error),
            _ => Ok(()),
        }
    }

    /// Keys and counts of a generation's parts, without their bodies.
    async fn outlines(
        &self,
        place: Place<'_>,
        generation: ExtentKey,
        attempted: &str,
    ) -> Result<Vec<Item>, PortError> {
        let prefix = generation_prefix(generation.document_id, generation.generation);
        let query = self
            .query(place, prefix)
            .projection_expression("#pk, #sk, #chunks")
            .expression_attribute_names("#chunks", CHUNKS);
        query_all(query, usize::MAX, attempted).await
    }

    /// A query for what begins with a prefix, which sees every write that was acknowledged before.
    fn query(&self, place: Place<'_>, prefix: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_names("#sk", SORT)
            .expression_attribute_values(":pk", text(partition(place.tenant, place.collection)))
            .expression_attribute_values(":prefix", text(prefix))
    }
}

fn record_key(place: Place<'_>, sort: String) -> Item {
    item_of([(PARTITION, text(partition(place.tenant, place.collection))), (SORT, text(sort))])
}

impl StoredPart {
    fn read(mut item: Item, attempted: &str) -> Result<Self, PortError> {
        let fields = |item: &mut Item| -> Result<Self, UnreadableItem> {
            let key = PartKey::parse(read_text(item, SORT)?).ok_or(UnreadableItem::OtherType(SORT))?;
            let revision = read_text(item, REVISION)?.to_owned();
            let body = match item.remove(BODY).ok_or(UnreadableItem::Missing(BODY))? {
                AttributeValue::B(body) => body.into_inner(),
                _ => return Err(UnreadableItem::OtherType(BODY)),
            };
            Ok(Self { key, revision, body })
        };
        fields(&mut item).map_err(|error| error.while_attempting(attempted))
    }

    /// Its chunks.
    pub(crate) fn unpack(&self, attempted: &str) -> Result<WordPart, PortError> {
        WordPart::from_bytes(&self.body)
            .map_err(|error| UnreadableItem::because(BODY, error).while_attempting(attempted))
    }
}
