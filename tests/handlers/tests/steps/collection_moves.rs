//! A collection moves to another model while documents come, change and go: searches see every ready document whole all the
//! while, and in the end nothing is left in the space that was given up.

use handlers::{FURTHER_MODEL, TINY_MODEL, Trouble, World};
use millrace_application::{ReembeddingError, StepPolicy};
use millrace_domain::{
    CollectionName, DocumentKey, ErrorCode, Generation, IndexSpace, QueueName, ReembeddingRefused,
    ReembeddingStatus, ReembeddingStepName as Step, Status,
};
use millrace_ports::IndexUsage;
use millrace_test_support::Fault;
use millrace_test_support::builders::{tenant, trace};

use crate::prose::prose;

/// The steps that a saga stands at for a while.
const STEPS: [Step; 5] = [Step::Build, Step::SettleWriters, Step::Verify, Step::SettleReaders, Step::DropOld];
const NOTHING: IndexUsage = IndexUsage { chunks: 0, vectors: 0 };

/// A document that is ready lies whole in the collection's space and nowhere else.
async fn assert_only_in(world: &World, key: &DocumentKey, space: u32) {
    let chunks = u64::from(world.document(key).await.plan.unwrap().chunks);
    let last = world.collection().await.last_space().get();
    for other in 0..=last {
        let expected = if other == space { IndexUsage { chunks, vectors: chunks } } else { NOTHING };
        assert_eq!(world.stored_in(key, other).await, expected, "space {other}");
    }
}

async fn assert_nowhere(world: &World, key: &DocumentKey) {
    for space in 0..=world.collection().await.last_space().get() {
        assert_eq!(world.stored_in(key, space).await, NOTHING, "space {space}");
    }
}

#[tokio::test]
async fn searches_see_each_document_whole_at_every_step() {
    let world = World::new().await;
    let keys = [world.ready(&prose("ferry", 9)).await, world.ready(&prose("lighthouse", 5)).await];
    world.start_moving().await;
    for step in STEPS {
        world.move_to(step).await;
        let saga = world.collection().await.reembedding.unwrap();
        assert_eq!(saga.step_name(), Some(step));
        for (key, word) in keys.iter().zip(["ferry", "lighthouse"]) {
            world.assert_seen_whole(key, word).await;
        }
    }
    let ended = world.moved().await;
    assert_eq!(ended.status(), ReembeddingStatus::Completed);
    let collection = world.collection().await;
    assert_eq!((collection.model.as_str(), collection.dimensions), (FURTHER_MODEL, 16));
    for (key, word) in keys.iter().zip(["ferry", "lighthouse"]) {
        world.assert_seen_whole(key, word).await;
        assert_only_in(&world, key, 1).await;
    }
    assert!(
        ended.steps.iter().all(|step| step.ended_at.is_some() && step.attempts == 1),
        "{:?}",
        ended.steps
    );
}

#[tokio::test]
async fn a_collection_moves_there_and_back_and_the_cache_pays_for_the_way_back() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.start_moving().await;
    world.moved().await;
    let paid = world.embedder.passages();
    world.start_reembedding.run(world.reembed_request(TINY_MODEL)).await.unwrap();
    world.moved().await;
    assert_eq!(world.collection().await.model.as_str(), TINY_MODEL);
    assert_eq!(world.embedder.passages(), paid);
    world.assert_seen_whole(&key, "ferry").await;
    assert_only_in(&world, &key, 2).await;
}

#[tokio::test]
async fn what_is_uploaded_during_a_step_is_whole_in_the_end() {
    for step in STEPS {
        let world = World::new().await;
        let early = world.ready(&prose("ferry", 9)).await;
        world.start_moving().await;
        world.move_to(step).await;
        let late = world.ready(&prose("lighthouse", 7)).await;
        world.assert_seen_whole(&late, "lighthouse").await;
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed, "{step}");
        for (key, word) in [(&early, "ferry"), (&late, "lighthouse")] {
            world.assert_seen_whole(key, word).await;
            assert_only_in(&world, key, 1).await;
        }
    }
}

#[tokio::test]
async fn a_document_that_is_half_done_when_a_step_begins_is_whole_in_the_end() {
    for step in STEPS {
        for batches in 0..=2 {
            let world = World::new().await;
            let key = world.upload(&prose("ferry", 19)).await;
            world.start_moving().await;
            world.relay().await;
            // As far as one gets without the queues: they are worked off with the saga.
            world.deliver(QueueName::Ingest, 1).await;
            world.deliver(QueueName::Embed, batches).await;
            world.move_to(step).await;
            assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed, "{step} {batches}");
            world.assert_seen_whole(&key, "ferry").await;
            assert_only_in(&world, &key, 1).await;
        }
    }
}

/// The lists never hear of it, as when the projector's messages lie as dead letters.
#[tokio::test]
async fn a_document_that_is_in_no_list_moves_with_the_others() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    while world.document(&key).await.status != Status::Ready {
        world.relay().await;
        world.drop_messages(QueueName::Projector).await;
        world.deliver(QueueName::Ingest, 1).await;
        world.deliver(QueueName::Embed, 1).await;
    }
    world.relay().await;
    world.drop_messages(QueueName::Projector).await;
    assert_eq!(world.behind.views.get(&key).await.unwrap(), None);
    world.start_moving().await;
    assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed);
    world.assert_seen_whole(&key, "ferry").await;
    assert_only_in(&world, &key, 1).await;
}

#[tokio::test]
async fn what_is_replaced_during_a_step_is_whole_in_the_end() {
    for step in STEPS {
        let world = World::new().await;
        let key = world.ready(&prose("ferry", 9)).await;
        let seen = world.hits(&key, "ferry").await;
        world.start_moving().await;
        world.move_to(step).await;
        world.replace(&key, &prose("lighthouse", 7)).await;
        assert_eq!(world.hits(&key, "ferry").await, seen);
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed, "{step}");
        assert_eq!(world.document(&key).await.generation, Generation::new(2));
        world.assert_seen_whole(&key, "lighthouse").await;
        assert_only_in(&world, &key, 1).await;
    }
}

#[tokio::test]
async fn hits_of_a_generation_that_is_being_replaced_keep_its_name() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    let renamed = millrace_application::ContentUpload {
        filename: "other-name.txt".into(),
        ..world.content(&prose("lighthouse", 7), None)
    };
    world.replace.run(key.clone(), None, renamed).await.unwrap();
    // The new content never gets anywhere: its worker is slow.
    let ingest = world.behind.consumer.receive(QueueName::Ingest, 1, 0).await.unwrap();
    assert_eq!(ingest.len(), 1);
    world.start_moving().await;
    world.move_on().await;
    let name = CollectionName::default().in_space(IndexSpace::new(1));
    let query = millrace_ports::SearchQuery {
        tenant_id: key.tenant_id.clone(),
        collection: name,
        text: "ferry".into(),
        vector: None,
        filter: millrace_ports::SearchFilter::default(),
        candidates: 10,
    };
    let found = world.behind.index.search(&query).await.unwrap();
    assert!(
        !found.is_empty() && found.iter().all(|candidate| candidate.filename == "notes.txt"),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_is_deleted_during_a_step_leaves_nothing_in_any_space() {
    for step in STEPS {
        let world = World::new().await;
        let (gone, stays) =
            (world.ready(&prose("ferry", 9)).await, world.ready(&prose("lighthouse", 5)).await);
        world.start_moving().await;
        world.move_to(step).await;
        world.delete.run(&gone, None, &trace(&*world.ids)).await.unwrap();
        assert_eq!(world.hits(&gone, "ferry").await, 0);
        world.work_off().await;
        assert_eq!(world.document(&gone).await.status, Status::Deleted, "{step}");
        assert_nowhere(&world, &gone).await;
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed, "{step}");
        assert_nowhere(&world, &gone).await;
        world.assert_seen_whole(&stays, "lighthouse").await;
    }
}

#[tokio::test]
async fn what_is_cancelled_and_retried_during_a_step_is_whole_in_the_end() {
    for step in STEPS {
        let world = World::new().await;
        let other = world.ready(&prose("lighthouse", 5)).await;
        world.start_moving().await;
        world.move_to(step).await;
        let key = world.upload(&prose("ferry", 9)).await;
        world.deliver(QueueName::Ingest, 1).await;
        world.deliver(QueueName::Embed, 1).await;
        world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
        world.work_off().await;
        assert_nowhere(&world, &key).await;
        world.retry.run(&key, &trace(&*world.ids)).await.unwrap();
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed, "{step}");
        assert_eq!(world.document(&key).await.status, Status::Ready);
        for (key, word) in [(&other, "lighthouse"), (&key, "ferry")] {
            world.assert_seen_whole(key, word).await;
            assert_only_in(&world, key, 1).await;
        }
    }
}

#[tokio::test]
async fn an_abort_takes_back_what_was_built_and_after_the_switch_it_is_refused() {
    for step in STEPS {
        let world = World::new().await;
        let key = world.ready(&prose("ferry", 9)).await;
        world.start_moving().await;
        world.move_to(step).await;
        let aborted = world.abort_reembedding.run(&tenant("acme"), &CollectionName::default()).await;
        if matches!(step, Step::SettleReaders | Step::DropOld) {
            let refused = aborted.unwrap_err();
            assert!(
                matches!(refused, ReembeddingError::Refused(ReembeddingRefused::Switched { .. })),
                "{refused}"
            );
            continue;
        }
        aborted.unwrap();
        world.assert_seen_whole(&key, "ferry").await;
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Aborted, "{step}");
        assert_eq!(world.collection().await.model.as_str(), TINY_MODEL);
        world.assert_seen_whole(&key, "ferry").await;
        assert_only_in(&world, &key, 0).await;
        // And it can be tried again.
        world.start_moving().await;
        assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed);
        assert_only_in(&world, &key, 2).await;
    }
}

#[tokio::test]
async fn a_model_that_refuses_ends_the_move_and_no_document() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.further.fail(Trouble::Invalid, 1);
    world.start_moving().await;
    let ended = world.moved().await;
    assert_eq!(ended.status(), ReembeddingStatus::Failed);
    let failure = ended.failure.unwrap();
    assert_eq!(
        (failure.error_code, failure.document_id),
        (ErrorCode::EmbedderRefused, Some(key.document_id))
    );
    assert_eq!(world.document(&key).await.status, Status::Ready);
    world.assert_seen_whole(&key, "ferry").await;
    assert_only_in(&world, &key, 0).await;
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 0);
}

#[tokio::test]
async fn a_model_out_of_reach_ends_the_move_after_the_last_attempt_and_no_document() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 1)).await;
    world.further.fail(Trouble::Unavailable, 1_000);
    world.start_moving().await;
    // One that is uploaded meanwhile waits for the new model no longer than the move does.
    let late = world.upload(&prose("lighthouse", 1)).await;
    let ended = world.moved().await;
    assert_eq!(ended.status(), ReembeddingStatus::Failed);
    assert_eq!(ended.failure.unwrap().error_code, ErrorCode::DeadLettered);
    for (key, word) in [(&key, "ferry"), (&late, "lighthouse")] {
        assert_eq!(world.document(key).await.status, Status::Ready);
        world.assert_seen_whole(key, word).await;
        assert_only_in(&world, key, 0).await;
    }
}

/// There is no way back after the switch: what is missing then is sent again until it is there, and the record says why not yet.
#[tokio::test]
async fn what_is_missing_after_the_switch_holds_the_move_up_until_it_is_there() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 1)).await;
    world.start_moving().await;
    world.move_to(Step::DropOld).await;
    let space = CollectionName::default().in_space(IndexSpace::new(1));
    world.behind.index.purge(&key, &space, None, None).await.unwrap();
    world.further.fail(Trouble::Unavailable, 8);
    world
        .behind
        .cache
        .remove(&key.tenant_id, &world.chunk_hashes(&key, Generation::FIRST).await)
        .await
        .unwrap();
    let held_up = world.held_up().await;
    assert_eq!((held_up.error_code, held_up.document_id), (ErrorCode::DeadLettered, Some(key.document_id)));
    assert_eq!(world.dead_letters(QueueName::Embed).await, []);
    let ended = world.moved().await;
    assert_eq!((ended.status(), ended.held_up_by), (ReembeddingStatus::Completed, None));
    world.assert_seen_whole(&key, "ferry").await;
    assert_only_in(&world, &key, 1).await;
}

#[tokio::test]
async fn a_model_that_throttles_delays_the_move_and_spends_no_attempt() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 5)).await;
    world.further.fail(Trouble::Throttled(Some(500)), 40);
    world.start_moving().await;
    assert_eq!(world.moved().await.status(), ReembeddingStatus::Completed);
    assert_only_in(&world, &key, 1).await;
}

#[tokio::test]
async fn jobs_that_were_lost_are_sent_again_and_the_step_says_so() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.start_moving().await;
    world.sweep.reembeddings.run().await.unwrap();
    assert!(world.drop_messages(QueueName::Embed).await > 0);
    let ended = world.moved().await;
    assert_eq!(ended.status(), ReembeddingStatus::Completed);
    let verify = ended.steps.iter().find(|step| step.step == Step::Verify).unwrap();
    assert_eq!(verify.attempts, 2);
    assert_only_in(&world, &key, 1).await;
}

#[tokio::test]
async fn a_job_of_a_move_that_has_ended_does_nothing() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.start_moving().await;
    world.sweep.reembeddings.run().await.unwrap();
    let jobs = world.behind.consumer.receive(QueueName::Embed, 1, 0).await.unwrap();
    assert_eq!(jobs.len(), 1);
    world.abort_reembedding.run(&tenant("acme"), &CollectionName::default()).await.unwrap();
    world.moved().await;
    // Its visibility timeout has run out long since: it came again, and was acknowledged.
    assert!(world.is_idle().await);
    assert_only_in(&world, &key, 0).await;
}

#[tokio::test]
async fn a_worker_that_stands_still_from_before_the_move_until_after_it_leaves_nothing_behind() {
    for call in ["search_index.put_vectors", "event_store.append", "collection_store.get"] {
        for fault in [Fault::HaltBefore, Fault::HaltAfter] {
            for survives in [true, false] {
                let world = World::new().await;
                let key = world.upload(&prose("ferry", 1)).await;
                world.relay().await;
                world.deliver(QueueName::Ingest, 1).await;
                world.faults.arm_next(call, fault);
                let standing = world.until_halt().await.expect("the embed-worker makes such a call");
                world.start_moving().await;
                world.clock.advance_ms(StepPolicy::default().lease_ms);
                let ended = world.moved().await;
                assert_eq!(ended.status(), ReembeddingStatus::Completed);
                world.faults.resume();
                if survives {
                    standing.await;
                } else {
                    drop(standing);
                }
                world.clock.advance_ms(1_000_000);
                world.settle().await;
                assert_eq!(world.document(&key).await.status, Status::Ready);
                world.assert_seen_whole(&key, "ferry").await;
                if survives {
                    assert_only_in(&world, &key, 1).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_second_move_and_one_to_the_same_or_an_unknown_model_are_refused() {
    let world = World::new().await;
    let nobodys = world.start_reembedding.run(world.reembed_request(FURTHER_MODEL)).await.unwrap_err();
    assert!(matches!(nobodys, ReembeddingError::NotFound(_)), "{nobodys}");
    world.ready(&prose("ferry", 3)).await;
    let same = world.start_reembedding.run(world.reembed_request(TINY_MODEL)).await.unwrap_err();
    assert!(matches!(same, ReembeddingError::Refused(ReembeddingRefused::SameModel { .. })), "{same}");
    let unknown = world.start_reembedding.run(world.reembed_request("nobody's")).await.unwrap_err();
    assert!(matches!(unknown, ReembeddingError::UnknownModel { .. }), "{unknown}");
    world.start_moving().await;
    let second = world.start_reembedding.run(world.reembed_request(FURTHER_MODEL)).await.unwrap_err();
    assert!(matches!(second, ReembeddingError::Refused(ReembeddingRefused::UnderWay { .. })), "{second}");
}
