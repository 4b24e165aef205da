//! What reads give once everything has come to rest: lists, timelines, chunks and counts, page by page and under every
//! filter, must be what the histories say, and a search keeps to its filters and limits.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail")]

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use millrace_application::{CollectStats, Hit, ListDocuments, ReadChunks, ReadTimeline, SearchRequest};
use millrace_domain::{CollectionName, DocumentId, DocumentKey, Status, TenantId, Version};
use millrace_ports::{ListQuery, SearchFilter};
use serde_json::{Map, Value};

use crate::contents::COMMON_WORD;
use crate::run::Run;
use crate::witness::Story;

/// Entries of a page: few, so that there are several.
const PAGE: usize = 2;
/// More pages than anything has here.
const PAGES_MAX: usize = 1_000;
/// Most hits of a search.
const HITS_MAX: usize = 100;

/// Documents of one tenant.
type Stories = BTreeMap<DocumentKey, Story>;

/// Reads everything there is.
pub(crate) fn check_reading(run: &Run) {
    let stories = run.witness.stories();
    for (tenant, _) in run.clients.tenants() {
        let mine: Stories = stories
            .iter()
            .filter(|(key, _)| key.tenant_id == *tenant)
            .map(|(key, story)| (key.clone(), story.clone()))
            .collect();
        check_lists(run, tenant, &mine);
        check_stats(run, tenant, &mine);
        for (key, story) in &mine {
            check_timeline(run, key, story);
            check_chunks(run, key, story);
        }
    }
}

fn check_lists(run: &Run, tenant: &TenantId, mine: &Stories) {
    let collections = ["default", "second"].map(|name| CollectionName::new(name).ok());
    let states = Status::ALL.map(Some);
    for collection in [None].into_iter().chain(collections) {
        for status in [None].into_iter().chain(states) {
            let query = ListQuery {
                tenant_id: tenant.clone(),
                collection: collection.clone(),
                status,
                label: None,
                after: None,
                limit: PAGE,
            };
            check_list(run, query, mine);
        }
    }
}

fn check_list(run: &Run, mut query: ListQuery, mine: &Stories) {
    let belongs = |story: &&Story| {
        let document = &story.document;
        let state = query.status.map_or(!document.status.is_gone(), |status| document.status == status);
        state && query.collection.as_ref().is_none_or(|collection| *collection == document.collection)
    };
    let newest_first = mine.iter().rev().filter(|(_, story)| belongs(story));
    let expected: Vec<DocumentId> = newest_first.map(|(key, _)| key.document_id).collect();
    let lists = ListDocuments::new(run.world.behind.views.clone());
    let mut listed = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = now(lists.run(query.clone()));
        let fits = page.views.len() <= PAGE;
        run.witness.holds("G2", "a page is no longer than was asked", fits, || format!("{query:?}"));
        listed.extend(page.views.iter().map(|view| view.key.document_id));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    run.witness.holds("G2", "lists have every document once", listed == expected, || {
        format!("{query:?}: {listed:?}, not {expected:?}")
    });
}

fn check_stats(run: &Run, tenant: &TenantId, mine: &Stories) {
    let mut expected: BTreeMap<CollectionName, (BTreeMap<&str, u64>, u64, u64)> = BTreeMap::new();
    for story in mine.values() {
        let document = &story.document;
        let of = expected.entry(document.collection.clone()).or_default();
        *of.0.entry(document.status.as_str()).or_default() += 1;
        if !document.status.is_gone() {
            of.1 += document.plan.map_or(0, |plan| u64::from(plan.chunks));
            of.2 += document.size_bytes.get();
        }
    }
    let stats = now(CollectStats::new(run.world.behind.views.clone()).run(tenant));
    let counted: BTreeMap<_, _> = stats
        .into_iter()
        .map(|(collection, stats)| {
            let documents: BTreeMap<_, _> = stats.documents.into_iter().filter(|(_, n)| *n > 0).collect();
            (collection, (documents, stats.chunks, stats.bytes))
        })
        .collect();
    run.witness.holds("G2", "statistics equal a recount", counted == expected, || {
        format!("{tenant}: {counted:?}, recounted {expected:?}")
    });
}

fn check_timeline(run: &Run, key: &DocumentKey, story: &Story) {
    let timelines = ReadTimeline::new(run.world.behind.store.clone());
    let (mut read, mut after) = (Vec::new(), Version::NONE);
    for _ in 0..PAGES_MAX {
        let Some(page) = now(timelines.run(key, after, PAGE)) else { break };
        let Some(last) = page.events.last() else { break };
        after = last.sequence;
        read.extend(page.events);
        if !page.more {
            break;
        }
    }
    run.witness.holds("G3", "a timeline is the history", read == story.history, || {
        format!("{}: {} events of {}", key.document_id, read.len(), story.history.len())
    });
}

fn check_chunks(run: &Run, key: &DocumentKey, story: &Story) {
    let document = &story.document;
    if document.status != Status::Ready {
        return;
    }
    let reader = ReadChunks::new(run.world.documents_behind.clone(), run.world.behind.blobs.clone());
    let (mut read, mut first) = (Vec::new(), 0);
    for _ in 0..PAGES_MAX {
        let Some((_, page)) = now(reader.run(key, first, PAGE as u32 + 1)) else { break };
        read.extend(page.chunks.into_iter().map(|chunk| (chunk.index.get(), chunk.text)));
        let Some(next) = page.next else { break };
        first = next;
    }
    let content = run.contents.find(&document.sha256);
    let chunks = document.plan.map_or(0, |plan| plan.chunks);
    let numbered = read.iter().map(|(index, _)| *index).eq(0..chunks);
    let own = content.is_some_and(|content| read.iter().all(|(_, text)| content.text.contains(text)));
    run.witness.holds("G5", "the chunks of a document are read whole", numbered && own, || {
        format!("{}: {read:?} of {chunks}", key.document_id)
    });
}

/// Searches a collection under limits and filters, where these hits are all that there are.
pub(crate) fn check_narrowed(run: &Run, tenant: &TenantId, collection: &CollectionName, hits: &[Hit]) {
    let found: BTreeSet<DocumentId> = hits.iter().map(|hit| hit.document_id).collect();
    let search = |limit, of_document, filter| {
        let request = SearchRequest {
            tenant_id: tenant.clone(),
            collection: collection.clone(),
            query: COMMON_WORD.to_owned(),
            limit,
            hits_per_document_max: of_document,
            filter,
        };
        now(run.world.search_behind.run(request)).hits
    };
    let most = search(PAGE, None, SearchFilter::default()).len();
    let bounded = most == hits.len().min(PAGE);
    run.witness.holds("G5", "a search has as many hits as were asked for", bounded, || format!("{most}"));
    let some = search(HITS_MAX, Some(1), SearchFilter::default());
    let one_each = some.len() == some.iter().map(|hit| hit.document_id).collect::<BTreeSet<_>>().len();
    run.witness.holds(
        "G5",
        "a search bounds the hits of a document",
        one_each && some.is_empty() == hits.is_empty(),
        || format!("{tenant} {collection}: {} hits", some.len()),
    );
    // Beyond what a search gathers something may be missing.
    if hits.len() == HITS_MAX {
        return;
    }
    for named in &found {
        let filter = SearchFilter { documents: vec![*named], metadata: Map::new() };
        check_filtered(run, (tenant, collection), hits, &search(HITS_MAX, None, filter), |id| id == *named);
    }
    let stories = run.witness.stories();
    for (other, _) in run.clients.tenants() {
        let pair = ("tenant_id".to_owned(), Value::from(other.as_str()));
        let named = |id: DocumentId| {
            let key = DocumentKey { tenant_id: tenant.clone(), document_id: id };
            stories.get(&key).is_some_and(|story| story.published_metadata().get(&pair.0) == Some(&pair.1))
        };
        let filter = SearchFilter { documents: Vec::new(), metadata: Map::from_iter([pair.clone()]) };
        check_filtered(run, (tenant, collection), hits, &search(HITS_MAX, None, filter), named);
    }
}

/// What passes a filter, and nothing else, is found.
fn check_filtered(
    run: &Run,
    (tenant, collection): (&TenantId, &CollectionName),
    hits: &[Hit],
    filtered: &[Hit],
    passes: impl Fn(DocumentId) -> bool,
) {
    let place = |hit: &Hit| (hit.document_id, hit.chunk.index.get());
    let expected: BTreeSet<_> = hits.iter().filter(|hit| passes(hit.document_id)).map(place).collect();
    let found: BTreeSet<_> = filtered.iter().map(place).collect();
    run.witness.holds("G5", "a search keeps to its filter", found == expected, || {
        format!("{tenant} {collection}: {found:?}, not {expected:?}")
    });
}

/// What an adapter in memory answers at once.
fn now<T, E: std::fmt::Debug>(answer: impl Future<Output = Result<T, E>>) -> T {
    answer.now_or_never().expect("memory does not wait").expect("memory does not fail")
}
