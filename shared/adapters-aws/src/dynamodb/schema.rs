//! The tables as data: names of keys, attributes and indexes. The adapters read and write by these names, tests make
//! their tables from them, and a test can hold the deployment's template to them. Names of tables are settings.

/// Whether a key is text or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `S`.
    Text,
    /// `N`.
    Number,
}

/// An attribute that keys a table or an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub key_type: KeyType,
}

/// What an index holds beside its own keys and the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Nothing.
    KeysOnly,
    /// These attributes.
    Include(&'static [&'static str]),
}

/// A global secondary index. All of them are sparse: an item without the keys is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSchema {
    /// Its name.
    pub name: &'static str,
    /// The partition key.
    pub partition: KeyAttribute,
    /// The sort key.
    pub sort: KeyAttribute,
    /// What it holds beside the keys.
    pub projection: Projection,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSchema {
    /// The partition key.
    pub partition: KeyAttribute,
    /// The sort key.
    pub sort: Option<KeyAttribute>,
    /// The global secondary indexes.
    pub indexes: &'static [IndexSchema],
    /// The attribute that holds the second after which an item may be deleted.
    pub time_to_live: Option<&'static str>,
    /// Whether a stream with the new images is on.
    pub has_stream: bool,
}

const fn text(name: &'static str) -> KeyAttribute {
    KeyAttribute { name, key_type: KeyType::Text }
}

const fn number(name: &'static str) -> KeyAttribute {
    KeyAttribute { name, key_type: KeyType::Number }
}

/// The partition key of every table but the ledger: text.
pub const PARTITION: &str = "pk";
/// The sort key of tables that have one.
pub const SORT: &str = "sk";
/// The second after which DynamoDB may delete an item.
pub const TIME_TO_LIVE: &str = "ttl";

/// Events, heads and snapshots of documents.
pub mod journal {
    use super::{IndexSchema, PARTITION, Projection, SORT, TableSchema, number, text};

    /// The sort key of heads: above every sequence. No zeros at its end, so that it has one spelling.
    pub const HEAD_SORT: &str = "99999999999999999999";
    /// An event's envelope as JSON.
    pub const ENVELOPE: &str = "envelope";
    /// The envelopes of a head's last append, for the relay.
    pub const APPENDED: &str = "appended";
    /// A snapshot's state as JSON.
    pub const SNAPSHOT: &str = "snapshot";
    /// A head's or snapshot's version.
    pub const VERSION: &str = "version";
    /// A head's collection.
    pub const COLLECTION: &str = "collection";
    /// A head's status.
    pub const STATUS: &str = "status";
    /// A head's visible generation.
    pub const PUBLISHED_GENERATION: &str = "published_generation";
    /// Names the content of that generation.
    pub const PUBLISHED_UPLOAD: &str = "published_upload";
    /// Whether that generation's vectors are visible.
    pub const PUBLISHED_VECTORS: &str = "published_vectors";
    /// Time of the last event in milliseconds, on heads of documents that are owed work.
    pub const UNSETTLED_SINCE: &str = "unsettled_since";
    /// Which part of the index such a head is in.
    pub const UNSETTLED_SHARD: &str = "unsettled_shard";
    /// `tenant#collection`, on heads of documents whose deletion was not requested.
    pub const LIVE_COLLECTION: &str = "live_collection";
    /// The index of a collection's documents, by id: the table's own partition key, which is the tenant and the document.
    pub const COLLECTION_INDEX: &str = "by_collection";
    /// The index of documents that are owed work, oldest first.
    pub const UNSETTLED_INDEX: &str = "unsettled";

    /// What the stream's event source must let through: heads. All else never reaches the relay, which would pass it over.
    pub const STREAM_FILTER: &str =
        r#"{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"sk":{"N":["99999999999999999999"]}}}}"#;

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(PARTITION),
        sort: Some(number(SORT)),
        indexes: &[
            IndexSchema {
                name: UNSETTLED_INDEX,
                partition: number(UNSETTLED_SHARD),
                sort: number(UNSETTLED_SINCE),
                projection: Projection::KeysOnly,
            },
            IndexSchema {
                name: COLLECTION_INDEX,
                partition: text(LIVE_COLLECTION),
                sort: text(PARTITION),
                projection: Projection::KeysOnly,
            },
        ],
        time_to_live: None,
        has_stream: true,
    };
}

/// Claims on steps.
pub mod ledger {
    use super::{TIME_TO_LIVE, TableSchema, text};

    /// The step; the table's key.
    pub const STEP: &str = "step";
    /// Who holds the claim; absent when it was given back.
    pub const OWNER: &str = "owner";
    /// When the lease ends, in milliseconds.
    pub const EXPIRES_AT: &str = "expires_at";
    /// How many times it was claimed.
    pub const ATTEMPT: &str = "attempt";
    /// What the step is about.
    pub const FINGERPRINT: &str = "fingerprint";
    /// The first claimant's note.
    pub const MEMO: &str = "memo";
    /// How long it is remembered, in milliseconds.
    pub const REMEMBER_MS: &str = "remember_ms";
    /// The same in seconds, rounded up, to add to the time to live.
    pub const REMEMBER_S: &str = "remember_s";
    /// What came of it.
    pub const RESULT: &str = "result";
    /// When it was completed, in milliseconds.
    pub const DONE_AT: &str = "done_at";
    /// One more with each write, to notice other writers.
    pub const REVISION: &str = "revision";

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(STEP),
        sort: None,
        indexes: &[],
        time_to_live: Some(TIME_TO_LIVE),
        has_stream: false,
    };
}

/// Documents as lists see them.
pub mod views {
    use super::{IndexSchema, PARTITION, Projection, TableSchema, text};

    /// The document's id: what all lists are sorted by.
    pub const DOCUMENT: &str = "document";
    /// The version of the state.
    pub const VERSION: &str = "version";
    /// The state as JSON.
    pub const STATE: &str = "state";
    /// The collection.
    pub const COLLECTION: &str = "collection";
    /// The label, if there is one.
    pub const LABEL: &str = "label";
    /// Chunks held.
    pub const CHUNKS: &str = "chunks";
    /// Bytes held.
    pub const BYTES: &str = "bytes";
    /// The tenant, while the document is not deleted.
    pub const LIVE_TENANT: &str = "live_tenant";
    /// `tenant#collection`, while the document is not deleted.
    pub const LIVE_COLLECTION: &str = "live_collection";
    /// `tenant#label`, while the document is not deleted and has a label.
    pub const LIVE_LABEL: &str = "live_label";
    /// `tenant#status`, always.
    pub const TENANT_STATUS: &str = "tenant_status";

    /// A tenant's documents.
    pub const BY_TENANT: &str = "by_tenant";
    /// A collection's documents.
    pub const BY_COLLECTION: &str = "by_collection";
    /// The documents of a label.
    pub const BY_LABEL: &str = "by_label";
    /// The documents in a state, with what lists filter by and what is counted.
    pub const BY_STATUS: &str = "by_status";

    const fn index(name: &'static str, partition: &'static str, projection: Projection) -> IndexSchema {
        IndexSchema { name, partition: text(partition), sort: text(DOCUMENT), projection }
    }

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(PARTITION),
        sort: None,
        indexes: &[
            index(BY_TENANT, LIVE_TENANT, Projection::KeysOnly),
            index(BY_COLLECTION, LIVE_COLLECTION, Projection::KeysOnly),
            index(BY_LABEL, LIVE_LABEL, Projection::Include(&[COLLECTION])),
            index(BY_STATUS, TENANT_STATUS, Projection::Include(&[COLLECTION, LABEL, CHUNKS, BYTES])),
        ],
        time_to_live: None,
        has_stream: false,
    };
}

/// Collections and API keys, and which collections are under re-embedding.
pub mod settings {
    use super::{PARTITION, SORT, TableSchema, text};

    /// The setting as JSON.
    pub const SETTING: &str = "setting";
    /// How often a collection was replaced. Collections from before there was such a count have none, which is 0.
    pub const REVISION: &str = "revision";

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(PARTITION),
        sort: Some(text(SORT)),
        indexes: &[],
        time_to_live: None,
        has_stream: false,
    };
}

/// The search index's words: what was chunked, by collection, newest document last.
pub mod words {
    use super::{PARTITION, SORT, TIME_TO_LIVE, TableSchema, text};

    /// How many chunks: of the part, or that a generation ever had.
    pub const CHUNKS: &str = "chunks";
    /// The chunks of a part, compressed.
    pub const BODY: &str = "body";
    /// A hash of the body, to notice other writers.
    pub const REVISION: &str = "revision";

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(PARTITION),
        sort: Some(text(SORT)),
        indexes: &[],
        time_to_live: Some(TIME_TO_LIVE),
        has_stream: false,
    };
}

/// Vectors already paid for. A table of its own rather than part of the ledger: it is large and may be lost, so it has no
/// backups, other alarms, and can be dropped without touching a claim.
pub mod vectors_cache {
    use super::{PARTITION, SORT, TIME_TO_LIVE, TableSchema, text};

    /// The vector in one byte a number.
    pub const VECTOR: &str = "vector";

    /// The table.
    pub const TABLE: TableSchema = TableSchema {
        partition: text(PARTITION),
        sort: Some(text(SORT)),
        indexes: &[],
        time_to_live: Some(TIME_TO_LIVE),
        has_stream: false,
    };
}
