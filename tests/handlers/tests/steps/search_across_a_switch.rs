//! A document's generation is switched in the middle of a search: after the index answered, and before the heads are looked at
//! that say what of its answer is published.

use std::pin::pin;
use std::sync::Arc;

use handlers::World;
use millrace_application::{Hit, SearchDocuments, SearchRequest};
use millrace_domain::{CollectionName, DocumentKey, Generation};
use millrace_ports::SearchFilter;
use millrace_test_support::builders::trace;
use millrace_test_support::{Fault, FaultPlan, FaultySearchIndex};

use crate::prose::prose;

/// The word that all prose has.
const SHARED_WORD: &str = "about";
/// How often a search asks its index before it answers with what it has.
const GATHERINGS_MAX: usize = 4;

/// Searches for a document, and does something after so many of the index's answers, one after the other. Gives the hits, and how
/// often the index was asked.
async fn search_while(
    world: &World,
    key: &DocumentKey,
    answers: usize,
    meanwhile: impl AsyncFn(usize),
) -> (Vec<Hit>, usize) {
    let plan = Arc::new(FaultPlan::new());
    let index = Arc::new(FaultySearchIndex::new(world.behind.index.clone(), plan.clone()));
    let search = SearchDocuments { index, ..world.search.clone() };
    let request = SearchRequest {
        tenant_id: key.tenant_id.clone(),
        collection: CollectionName::default(),
        query: SHARED_WORD.into(),
        limit: 100,
        hits_per_document_max: None,
        filter: SearchFilter { documents: vec![key.document_id], ..SearchFilter::default() },
    };
    let halts: Vec<_> = (0..answers).map(|number| (number, Fault::HaltAfter)).collect();
    plan.arm(&halts);
    let mut searching = pin!(search.run(request));
    for number in 0..answers {
        assert!(plan.until_halt(searching.as_mut()).await.is_none(), "the search ended early");
        meanwhile(number).await;
        plan.resume();
    }
    let hits = searching.await.unwrap().hits;
    (hits, plan.calls().len())
}

#[tokio::test]
async fn a_document_switched_between_the_index_and_the_heads_is_found_in_its_new_generation() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 5)).await;
    let switch = async |_| {
        world.replace(&key, &prose("lighthouse", 7)).await;
        world.settle().await;
    };
    let (hits, asked) = search_while(&world, &key, 1, switch).await;
    assert!(!hits.is_empty(), "neither the old nor the new generation was found");
    assert!(hits.iter().all(|hit| hit.generation == Generation::new(2)), "{hits:?}");
    assert_eq!(asked, 2, "the index is asked again, once");
}

#[tokio::test]
async fn a_document_deleted_between_the_index_and_the_heads_is_not_found_and_not_asked_for_again() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 5)).await;
    let delete = async |_| {
        world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    };
    let (hits, asked) = search_while(&world, &key, 1, delete).await;
    assert_eq!((hits, asked), (vec![], 1));
}

#[tokio::test]
async fn a_document_that_is_switched_at_every_look_does_not_hold_up_the_search() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 5)).await;
    let switch = async |number| {
        world.replace(&key, &prose(["lighthouse", "harbour"][number % 2], 5)).await;
        world.settle().await;
    };
    let (hits, asked) = search_while(&world, &key, GATHERINGS_MAX, switch).await;
    assert_eq!((hits, asked), (vec![], GATHERINGS_MAX));
}
