//! What every read model must do: one case for each promise of the port. Run it with `read_model_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use millrace_domain::{DocumentId, Status};
use millrace_ports::{DocumentView, ListQuery, PAGE_LIMIT_MAX, Page, ReadModel, ViewCount};

use crate::builders::{collection, tenant};
use crate::{SeededIds, Story};

/// What the suite needs of an implementation: a new, empty read model.
pub struct ReadModelFixture {
    /// The read model.
    pub model: Arc<dyn ReadModel>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for ReadModelFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadModelFixture").field("model", &self.model).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! read_model_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            read_model_suite,
            $fixture,
            [
                a_view_is_read_back_as_saved,
                an_older_version_does_not_replace_a_newer_one,
                pages_visit_every_document_once_from_the_newest,
                documents_that_come_and_go_do_not_disturb_the_others,
                a_page_is_bounded,
                lists_can_be_narrowed,
                deleted_documents_are_listed_only_when_asked_for,
                tenants_are_apart,
                counts_are_by_collection_and_state,
            ]
        );
    };
}

async fn save(fixture: &ReadModelFixture, views: &[DocumentView]) {
    fixture.model.save(views).await.unwrap();
}

fn everything(tenant_name: &str) -> ListQuery {
    ListQuery {
        tenant_id: tenant(tenant_name),
        collection: None,
        status: None,
        label: None,
        after: None,
        limit: 50,
    }
}

async fn list(fixture: &ReadModelFixture, query: &ListQuery) -> Page {
    fixture.model.list(query).await.unwrap()
}

async fn listed(fixture: &ReadModelFixture, query: &ListQuery) -> Vec<DocumentId> {
    list(fixture, query).await.views.iter().map(|view| view.key.document_id).collect()
}

fn uploaded(ids: &SeededIds, tenant_name: &str) -> Story {
    let mut story = Story::of(ids, tenant_name);
    story.upload(ids);
    story
}

/// One by its name; none where none was saved.
pub async fn a_view_is_read_back_as_saved(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    story.ingest(&ids, 3);
    story.classify(&ids, "invoice");
    save(fixture, &[story.view()]).await;
    assert_eq!(fixture.model.get(&story.key).await.unwrap(), Some(story.view()));
    assert_eq!(list(fixture, &everything("acme")).await, Page { views: vec![story.view()], next: None });
    assert_eq!(fixture.model.get(&Story::of(&ids, "acme").key).await.unwrap(), None);
    save(fixture, &[]).await;
}

/// Whatever the order of the calls, and of the views in one call.
pub async fn an_older_version_does_not_replace_a_newer_one(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mut story = uploaded(&ids, "acme");
    let first = story.view();
    story.extract(&ids);
    let second = story.view();
    story.fail(&ids);
    let third = story.view();
    save(fixture, &[second.clone(), first.clone()]).await;
    assert_eq!(fixture.model.get(&story.key).await.unwrap(), Some(second.clone()));
    save(fixture, std::slice::from_ref(&third)).await;
    save(fixture, &[first, second]).await;
    assert_eq!(fixture.model.get(&story.key).await.unwrap(), Some(third.clone()));
    let failed = ListQuery { status: Some(Status::Failed), ..everything("acme") };
    assert_eq!(list(fixture, &failed).await.views, [third]);
    let processing = ListQuery { status: Some(Status::Processing), ..everything("acme") };
    assert_eq!(list(fixture, &processing).await.views, []);
}

/// Exactly once, by id downwards, and the last page says that it is.
pub async fn pages_visit_every_document_once_from_the_newest(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let views: Vec<DocumentView> = (0..23).map(|_| uploaded(&ids, "acme").view()).collect();
    save(fixture, &views).await;
    let mut expected: Vec<DocumentId> = views.iter().map(|view| view.key.document_id).collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    for limit in [1, 7, 22, 23, 24] {
        let mut visited = Vec::new();
        let mut query = ListQuery { limit, ..everything("acme") };
        loop {
            let page = list(fixture, &query).await;
            assert!(page.views.len() <= limit);
            visited.extend(page.views.iter().map(|view| view.key.document_id));
            if page.next.is_none() {
                break;
            }
            query.after = page.next;
        }
        assert_eq!(visited, expected, "pages of {limit}");
    }
}

/// Whoever was there throughout is visited once, while others appear and are deleted between the pages.
pub async fn documents_that_come_and_go_do_not_disturb_the_others(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mut stories: Vec<Story> = (0..20).map(|_| uploaded(&ids, "acme")).collect();
    save(fixture, &stories.iter().map(Story::view).collect::<Vec<_>>()).await;
    let mut visited = Vec::new();
    let mut query = ListQuery { limit: 3, ..everything("acme") };
    let mut deleted = 0;
    loop {
        let page = list(fixture, &query).await;
        visited.extend(page.views.iter().map(|view| view.key.document_id));
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
        save(fixture, &[uploaded(&ids, "acme").view()]).await;
        if deleted < 2 {
            stories[deleted].delete(&ids);
            save(fixture, &[stories[deleted].view()]).await;
            deleted += 1;
        }
    }
    for story in &stories[2..] {
        let visits = visited.iter().filter(|id| **id == story.key.document_id).count();
        assert_eq!(visits, 1);
    }
}

/// By what was asked, and by the port's bound.
pub async fn a_page_is_bounded(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let views: Vec<DocumentView> = (0..PAGE_LIMIT_MAX + 5).map(|_| uploaded(&ids, "acme").view()).collect();
    save(fixture, &views).await;
    let page = list(fixture, &ListQuery { limit: PAGE_LIMIT_MAX + 5, ..everything("acme") }).await;
    assert_eq!(page.views.len(), PAGE_LIMIT_MAX);
    let rest = list(fixture, &ListQuery { after: page.next, ..everything("acme") }).await;
    assert_eq!((rest.views.len(), rest.next), (5, None));
}

/// By collection, state and label, and by all of them.
pub async fn lists_can_be_narrowed(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mut stories = Vec::new();
    for number in 0..12 {
        let mut story = Story::of(&ids, "acme");
        story.collection = collection(["contracts", "letters"][number % 2]);
        if number % 3 == 0 {
            story.ingest(&ids, 2);
        } else {
            story.upload(&ids);
        }
        if number < 6 {
            story.classify(&ids, "invoice");
        }
        stories.push(story);
    }
    save(fixture, &stories.iter().map(Story::view).collect::<Vec<_>>()).await;
    let id = |number: usize| stories[number].key.document_id;
    let contracts = ListQuery { collection: Some(collection("contracts")), ..everything("acme") };
    assert_eq!(listed(fixture, &contracts).await, [10, 8, 6, 4, 2, 0].map(id));
    let ready = ListQuery { status: Some(Status::Ready), ..everything("acme") };
    assert_eq!(listed(fixture, &ready).await, [9, 6, 3, 0].map(id));
    let invoices = ListQuery { label: Some("invoice".into()), ..everything("acme") };
    assert_eq!(listed(fixture, &invoices).await, [5, 4, 3, 2, 1, 0].map(id));
    let all = ListQuery { status: Some(Status::Ready), label: Some("invoice".into()), ..contracts };
    assert_eq!(listed(fixture, &all).await, [id(0)]);
    let none = ListQuery { collection: Some(collection("none")), ..everything("acme") };
    assert_eq!(list(fixture, &none).await, Page { views: vec![], next: None });
    let second = ListQuery { limit: 2, after: Some(id(6)), ..ready };
    assert_eq!(listed(fixture, &second).await, [3, 0].map(id));
}

/// From the tombstone on.
pub async fn deleted_documents_are_listed_only_when_asked_for(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let (mut deleting, mut deleted, kept) =
        (uploaded(&ids, "acme"), uploaded(&ids, "acme"), uploaded(&ids, "acme"));
    deleting.delete(&ids);
    deleted.delete(&ids);
    deleted.purge(&ids);
    save(fixture, &[deleting.view(), deleted.view(), kept.view()]).await;
    assert_eq!(list(fixture, &everything("acme")).await.views, [kept.view()]);
    for (status, story) in [(Status::Deleting, &deleting), (Status::Deleted, &deleted)] {
        let query = ListQuery { status: Some(status), ..everything("acme") };
        assert_eq!(list(fixture, &query).await.views, [story.view()]);
    }
    assert_eq!(fixture.model.get(&deleted.key).await.unwrap(), Some(deleted.view()));
}

/// In lists, by name and in counts, even if two have a document of the same id.
pub async fn tenants_are_apart(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mine = uploaded(&ids, "acme");
    let mut theirs = Story::new(mine.key.clone());
    theirs.key.tenant_id = tenant("umbrella");
    save(fixture, &[mine.view()]).await;
    assert_eq!(fixture.model.get(&theirs.key).await.unwrap(), None);
    assert_eq!(list(fixture, &everything("umbrella")).await.views, []);
    assert_eq!(fixture.model.counts(&tenant("umbrella")).await.unwrap(), []);
    theirs.upload(&ids);
    theirs.fail(&ids);
    save(fixture, &[theirs.view()]).await;
    assert_eq!(fixture.model.get(&mine.key).await.unwrap(), Some(mine.view()));
    assert_eq!(list(fixture, &everything("umbrella")).await.views, [theirs.view()]);
}

/// Documents, chunks and bytes, following each document from state to state.
pub async fn counts_are_by_collection_and_state(fixture: &ReadModelFixture) {
    let ids = SeededIds::new(1);
    let mut stories: Vec<Story> = (0..5).map(|_| Story::of(&ids, "acme")).collect();
    for (number, story) in stories.iter_mut().enumerate() {
        story.collection = collection(if number < 3 { "contracts" } else { "letters" });
        story.upload(&ids);
        save(fixture, &[story.view()]).await;
    }
    for story in &mut stories[1..4] {
        story.extract(&ids);
        story.chunk(&ids, 10, 10);
        story.embed(&ids, 0);
        save(fixture, &[story.view()]).await;
    }
    let mut counts = fixture.model.counts(&tenant("acme")).await.unwrap();
    counts.sort_by_key(|count| (count.collection.clone(), count.status.as_str()));
    let count = |name, status, documents, chunks| ViewCount {
        collection: collection(name),
        status,
        documents,
        chunks,
        bytes: documents * 12_345,
    };
    let expected = [
        count("contracts", Status::Processing, 1, 0),
        count("contracts", Status::Ready, 2, 20),
        count("letters", Status::Processing, 1, 0),
        count("letters", Status::Ready, 1, 10),
    ];
    assert_eq!(counts, expected);
}
