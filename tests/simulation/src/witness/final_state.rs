//! What must hold once everything has come to rest: every document at an end of its way, everything published arrived, read
//! models equal to the histories, and nothing stored beyond what is in use.

use std::collections::{BTreeMap, BTreeSet};

use millrace_domain::{CollectionName, DocumentKey, ErrorCode, Status, TenantId, UploadId};
use millrace_ports::{BlobUsage, DocumentView, IndexUsage, ViewCount};

use super::{Memory, Story, Witness};

/// What is stored of a document in the end.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// In the index, of the current generation, in the space that searches see.
    pub(crate) current: IndexUsage,
    /// In the index, of all generations, in all spaces.
    pub(crate) all: IndexUsage,
    /// In the read model.
    pub(crate) view: Option<DocumentView>,
}

impl Witness {
    /// Everything has come to rest.
    pub(crate) fn settled(&self, found: &BTreeMap<DocumentKey, Found>) {
        let mut memory = self.lock();
        for (key, story) in &memory.stories.clone() {
            memory.check_end(key, story);
            if let Some(found) = found.get(key) {
                memory.check_stored(key, story, found);
            }
        }
    }

    /// Of each document that was given up there is a dead letter, by which it can be redriven.
    pub(crate) fn lettered(&self, dead: &BTreeSet<DocumentKey>) {
        let mut memory = self.lock();
        for (key, story) in &memory.stories.clone() {
            let failure = story.document.failure.as_ref().filter(|_| story.document.status == Status::Failed);
            if failure.is_some_and(|failure| failure.error_code == ErrorCode::DeadLettered) {
                let lies_there = dead.contains(key) || story.littered;
                let line = || key.document_id.to_string();
                memory.hold("G1", "a document that was given up has a dead letter", lies_there, line);
            }
        }
    }

    /// The counters of a tenant: they must equal a recount of its histories.
    pub(crate) fn counted(&self, tenant: &TenantId, counts: &[ViewCount]) {
        let mut memory = self.lock();
        let mut recount: BTreeMap<(CollectionName, &str), (u64, u64, u64)> = BTreeMap::new();
        for (_, story) in memory.stories.iter().filter(|(key, _)| key.tenant_id == *tenant) {
            let document = &story.document;
            let of = recount.entry((document.collection.clone(), document.status.as_str())).or_default();
            of.0 += 1;
            // A deleted document holds nothing any more.
            if document.status != Status::Deleted {
                of.1 += document.plan.map_or(0, |plan| u64::from(plan.chunks));
                of.2 += document.size_bytes.get();
            }
        }
        let counted: BTreeMap<_, _> = counts
            .iter()
            .filter(|count| count.documents > 0)
            .map(|count| {
                let of = (count.documents, count.chunks, count.bytes);
                ((count.collection.clone(), count.status.as_str()), of)
            })
            .collect();
        memory.hold("G2", "counters equal a recount", counted == recount, || {
            format!("{tenant}: {counted:?}, recounted {recount:?}")
        });
    }

    /// Long after, all uploads that are stored: each must be in use.
    pub(crate) fn kept(&self, uploads: &[(DocumentKey, UploadId)], blobs: &BTreeMap<DocumentKey, BlobUsage>) {
        let mut memory = self.lock();
        for (key, upload) in uploads {
            let in_use = memory.stories.get(key).is_some_and(|story| {
                let document = &story.document;
                document.upload_id == *upload
                    || document.published.is_some_and(|published| published.upload_id == *upload)
            });
            memory.hold("G1", "an orphaned upload is removed", in_use, || {
                format!("{} {upload}", key.document_id)
            });
        }
        for (key, story) in &memory.stories.clone() {
            let Some(blobs) = blobs.get(key) else { continue };
            let document = &story.document;
            let published = document.published.map(|published| published.upload_id);
            let used = published.into_iter().chain([document.upload_id]);
            let stored = used.into_iter().all(|upload| uploads.contains(&(key.clone(), upload)));
            memory.hold(
                "G1",
                "the content of a document is kept",
                stored || document.status.is_gone(),
                || format!("{} {}", key.document_id, document.status),
            );
            let expected = match (document.status, document.plan) {
                (Status::Ready, Some(plan)) => 2 + u64::from(plan.batches()),
                (Status::Deleted, _) => 0,
                _ => continue,
            };
            let kept = blobs.blobs == expected || story.littered;
            memory.hold("G6", "only blobs in use are kept", kept, || {
                format!("{} {}: {blobs:?}, expected {expected}", key.document_id, document.status)
            });
        }
    }
}

impl Memory {
    fn check_end(&mut self, key: &DocumentKey, story: &Story) {
        let document = &story.document;
        let line = || format!("{} {} {:?}", key.document_id, document.status, document.residue);
        let ended = !matches!(document.status, Status::Processing | Status::Deleting);
        self.hold("G1", "every document reaches an end", ended && document.residue.is_empty(), line);
        let events = story.history.len() as u64;
        self.hold("G4", "every event is published in the end", story.in_line == events, || {
            format!("{}: {} of {events}", key.document_id, story.in_line)
        });
    }

    fn check_stored(&mut self, key: &DocumentKey, story: &Story, found: &Found) {
        let document = &story.document;
        let line = || format!("{} {} {found:?}", key.document_id, document.status);
        let view = found.view.as_ref().map(|view| &view.document);
        self.hold("G2", "a view is what the history says", view == Some(document), || {
            format!("{} at {}: {view:?}", key.document_id, document.version)
        });
        let nothing = IndexUsage::default();
        let published = document.published.and_then(|published| story.chunks_of(published.generation));
        let expected = published.map_or(nothing, |chunks| {
            let chunks = u64::from(chunks);
            IndexUsage { chunks, vectors: chunks }
        });
        let rule = "the index holds what is published, once, and nothing else";
        self.hold("G2", rule, found.all == expected || story.littered, line);
        if document.status == Status::Ready {
            self.hold("G2", "vectors equal chunks", found.current == expected, line);
        }
    }
}
