//! Random but valid values, for the round-trip properties of codecs.

use millrace_domain::{
    CollectionName, DocumentHead, DocumentId, DocumentKey, Generation, Publication, Status, TenantId,
    Timestamp, UploadId, Version,
};
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::{SeededIds, Story};

/// Any UUID.
pub fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

/// Any tenant.
pub fn tenant_id() -> impl Strategy<Value = TenantId> {
    "[a-z0-9][a-z0-9_-]{0,63}".prop_filter_map("a valid tenant", |text| TenantId::new(text).ok())
}

/// Any collection.
pub fn collection_name() -> impl Strategy<Value = CollectionName> {
    "[a-z0-9][a-z0-9_-]{0,63}".prop_filter_map("a valid collection", |text| CollectionName::new(text).ok())
}

/// Any document's name.
pub fn document_key() -> impl Strategy<Value = DocumentKey> {
    (tenant_id(), uuid())
        .prop_map(|(tenant_id, id)| DocumentKey { tenant_id, document_id: DocumentId::new(id) })
}

/// Any instant.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.as_millis()).prop_map(Timestamp::from_millis)
}

/// Any head, whether or not a document could have it.
pub fn head() -> impl Strategy<Value = DocumentHead> {
    let publication = (any::<u32>(), uuid(), any::<bool>()).prop_map(|(generation, upload, vectors)| {
        Publication { generation: Generation::new(generation), upload_id: UploadId::new(upload), vectors }
    });
    let version = (1..=i64::MAX.unsigned_abs()).prop_map(Version::new);
    let status = proptest::sample::select(&Status::ALL[..]);
    (version, collection_name(), status, option::of(publication), option::of(timestamp())).prop_map(
        |(version, collection, status, published, unsettled_since)| DocumentHead {
            version,
            collection,
            status,
            published,
            unsettled_since,
        },
    )
}

/// A document somewhere in its life.
pub fn story() -> impl Strategy<Value = Story> {
    (any::<u64>(), 0..8_u8, ".{0,20}").prop_map(|(seed, stage, label)| {
        let ids = SeededIds::new(seed);
        let mut story = Story::of(&ids, "acme");
        story.upload(&ids);
        if stage == 1 {
            story.fail(&ids);
        }
        if stage > 1 {
            story.extract(&ids);
        }
        if stage > 2 {
            story.chunk(&ids, 7, 3);
        }
        if stage > 3 {
            (0..3).for_each(|batch| drop(story.embed(&ids, batch)));
        }
        if stage > 4 {
            story.classify(&ids, &label);
        }
        if stage > 5 {
            story.delete(&ids);
        }
        if stage > 6 {
            story.purge(&ids);
        }
        story
    })
}
