//! What every search index must do for collections that move to another model: entries of one collection lie in several
//! spaces, and the one head publishes them in all. Run it with `index_space_suite!` beside `search_index_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use millrace_domain::{ChunkIndex, CollectionName, IndexSpace};
use millrace_ports::{
    Append, Embedding, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, SearchFilter, SearchQuery,
};

use crate::builders::collection;
use crate::search_index_suite::SearchIndexFixture;
use crate::{SeededIds, Story};

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! index_space_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            index_space_suite,
            $fixture,
            [
                a_search_in_a_space_sees_that_space_only,
                a_space_that_comes_later_shows_what_is_published,
                one_head_publishes_in_every_space,
                a_purge_of_one_space_leaves_the_others,
                a_space_that_was_emptied_may_be_filled_again,
            ]
        );
    };
}

const PAPERS: &str = "papers";

struct Spaces<'a> {
    fixture: &'a SearchIndexFixture,
    ids: SeededIds,
}

impl Spaces<'_> {
    async fn append(&self, append: Append) {
        self.fixture.events.append(append).await.unwrap();
    }

    /// Writes one chunk, with a vector of the space's length.
    async fn write(&self, story: &Story, space: u32, text: &str) {
        let document = IndexedDocument {
            target: target(story, space),
            filename: "a.txt".into(),
            metadata: serde_json::Map::new(),
        };
        self.fixture.index.put_words(&document, &[chunk(text)]).await.unwrap();
        let vectors = [(ChunkIndex::new(0), vector(space))];
        self.fixture.index.put_vectors(&target(story, space), &vectors).await.unwrap();
    }

    /// A ready document of one chunk, in these spaces.
    async fn ready(&self, spaces: &[u32], text: &str) -> Story {
        let mut story = Story::of(&self.ids, "acme");
        story.collection = collection(PAPERS);
        let begun = [story.upload(&self.ids), story.extract(&self.ids)];
        for append in begun {
            self.append(append).await;
        }
        for space in spaces {
            self.write(&story, *space, text).await;
        }
        self.append(story.chunk(&self.ids, 1, 1)).await;
        self.append(story.embed(&self.ids, 0)).await;
        story
    }

    /// The texts that a search in a space finds, each by its words and by its meaning.
    async fn found(&self, space: u32) -> Vec<String> {
        let query = SearchQuery {
            tenant_id: crate::builders::tenant("acme"),
            collection: name(space),
            text: "weir".into(),
            vector: Some(vector(space)),
            filter: SearchFilter::default(),
            candidates: 10,
        };
        let found = self.fixture.index.search(&query).await.unwrap();
        assert!(found.iter().all(|candidate| candidate.words > 0.0 && candidate.similarity > Some(0.9)));
        let mut texts: Vec<_> = found.into_iter().map(|candidate| candidate.chunk.text).collect();
        texts.sort();
        texts
    }

    async fn usage(&self, story: &Story, space: u32) -> IndexUsage {
        self.fixture.index.usage(&story.key, &name(space), None).await.unwrap()
    }
}

fn over(fixture: &SearchIndexFixture) -> Spaces<'_> {
    Spaces { fixture, ids: SeededIds::new(43) }
}

fn name(space: u32) -> CollectionName {
    collection(PAPERS).in_space(IndexSpace::new(space))
}

fn target(story: &Story, space: u32) -> IndexTarget {
    IndexTarget { key: story.key.clone(), collection: name(space), generation: story.state().generation }
}

fn chunk(text: &str) -> IndexedChunk {
    let end = text.len() as u64;
    IndexedChunk { index: ChunkIndex::new(0), page: None, heading: None, start: 0, end, text: text.into() }
}

/// Each space has vectors of another length.
fn vector(space: u32) -> Embedding {
    let mut numbers = vec![0.0; 4 + 4 * space as usize];
    numbers[1] = 1.0;
    Embedding(numbers)
}

/// Though both are of the same collection and document.
pub async fn a_search_in_a_space_sees_that_space_only(fixture: &SearchIndexFixture) {
    let spaces = over(fixture);
    let story = spaces.ready(&[0], "a weir in the old space").await;
    spaces.write(&story, 1, "a weir in the new space").await;
    assert_eq!(spaces.found(0).await, ["a weir in the old space"]);
    assert_eq!(spaces.found(1).await, ["a weir in the new space"]);
    assert_eq!(spaces.found(2).await, [""; 0]);
}

/// Its documents were published before anything was written into it.
pub async fn a_space_that_comes_later_shows_what_is_published(fixture: &SearchIndexFixture) {
    let spaces = over(fixture);
    let one = spaces.ready(&[0], "one weir").await;
    let mut gone = spaces.ready(&[0], "a weir to go").await;
    let other = spaces.ready(&[0], "other weir").await;
    spaces.append(gone.delete(&spaces.ids)).await;
    for story in [&one, &gone, &other] {
        spaces.write(story, 3, "built beside, a weir").await;
    }
    assert_eq!(spaces.found(3).await, ["built beside, a weir"; 2]);
}

/// At the same instant; and a deletion takes it out of all.
pub async fn one_head_publishes_in_every_space(fixture: &SearchIndexFixture) {
    let spaces = over(fixture);
    let mut story = Story::of(&spaces.ids, "acme");
    story.collection = collection(PAPERS);
    let begun = [story.upload(&spaces.ids), story.extract(&spaces.ids)];
    for append in begun {
        spaces.append(append).await;
    }
    for space in [1, 0] {
        spaces.write(&story, space, "weir").await;
        assert_eq!(spaces.found(space).await, [""; 0]);
    }
    spaces.append(story.chunk(&spaces.ids, 1, 1)).await;
    spaces.append(story.embed(&spaces.ids, 0)).await;
    assert_eq!((spaces.found(0).await, spaces.found(1).await), (vec!["weir".into()], vec!["weir".into()]));
    spaces.append(story.delete(&spaces.ids)).await;
    assert_eq!((spaces.found(0).await.len(), spaces.found(1).await.len()), (0, 0));
}

/// Which is how the old space goes.
pub async fn a_purge_of_one_space_leaves_the_others(fixture: &SearchIndexFixture) {
    let spaces = over(fixture);
    let story = spaces.ready(&[1, 0], "weir").await;
    let one = IndexUsage { chunks: 1, vectors: 1 };
    assert_eq!(fixture.index.purge(&story.key, &name(0), None, None).await.unwrap(), one);
    assert_eq!((spaces.usage(&story, 0).await, spaces.usage(&story, 1).await), (IndexUsage::default(), one));
    assert_eq!((spaces.found(0).await.len(), spaces.found(1).await.len()), (0, 1));
}

/// While others of it are read: what was published meanwhile shows.
pub async fn a_space_that_was_emptied_may_be_filled_again(fixture: &SearchIndexFixture) {
    let spaces = over(fixture);
    let first = spaces.ready(&[0, 1], "first weir").await;
    fixture.index.purge(&first.key, &name(1), None, None).await.unwrap();
    let second = spaces.ready(&[0], "second weir").await;
    spaces.write(&first, 1, "first weir").await;
    spaces.write(&second, 1, "second weir").await;
    assert_eq!(spaces.found(1).await, ["first weir", "second weir"]);
}
