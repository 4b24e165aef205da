//! How the move of a collection to another model goes on, and what it does to the collection's record at each step.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not recognise as such")]

use millrace_domain::{
    Collection, CollectionName, CorrelationId, DocumentId, ErrorCode, IndexSpace, ModelId,
    ReembeddingFailure, ReembeddingRefused, ReembeddingStatus, ReembeddingStepName, ReembeddingStepOutcome,
    TenantId, Timestamp, Trace,
};

use ReembeddingStepName::{
    Build, DropNew, DropOld, SettleReaders, SettleStopped, SettleWriters, Switch, Verify,
};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn model(name: &str) -> ModelId {
    ModelId::new(name).unwrap()
}

fn collection() -> Collection {
    let (tenant, name) = (TenantId::new("acme").unwrap(), CollectionName::new("papers").unwrap());
    Collection::new(tenant, name, (model("old"), 4), at(0))
}

fn trace() -> Trace {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse::<CorrelationId>().unwrap();
    Trace { correlation_id: id, causation_id: None, traceparent: None }
}

fn started() -> Collection {
    collection().start_reembedding((model("new"), 8), 3, trace(), at(10)).unwrap()
}

/// The saga after so many steps that ended well.
fn after(steps: usize) -> Collection {
    (0..steps).fold(started(), |collection, step| collection.end_step(3, at(20 + step as i64)))
}

fn failure() -> ReembeddingFailure {
    ReembeddingFailure { error_code: ErrorCode::EmbedderRefused, reason: "no".into(), document_id: None }
}

fn step(collection: &Collection) -> Option<ReembeddingStepName> {
    collection.reembedding.as_ref().and_then(|saga| saga.step_name())
}

fn spaces(collection: &Collection) -> Vec<u32> {
    collection.written_spaces().iter().map(|space| space.space.get()).collect()
}

#[test]
fn the_steps_follow_each_other_and_the_switch_takes_no_time() {
    let order = [Build, SettleWriters, Verify, SettleReaders, DropOld];
    for (steps, expected) in order.iter().enumerate() {
        assert_eq!(step(&after(steps)), Some(*expected));
    }
    let ended = after(order.len());
    assert_eq!(ended.reembedding, None);
    let saga = ended.last_reembedding.unwrap();
    assert_eq!(saga.status(), ReembeddingStatus::Completed);
    let names: Vec<_> = saga.steps.iter().map(|step| step.step).collect();
    assert_eq!(names, [Build, SettleWriters, Verify, Switch, SettleReaders, DropOld]);
    assert!(saga.steps.iter().all(|step| step.outcome == Some(ReembeddingStepOutcome::Done)));
    let switch = &saga.steps[3];
    assert_eq!(Some(switch.started_at), switch.ended_at);
}

#[test]
fn searches_see_the_new_space_and_model_from_the_switch_on_and_both_at_once() {
    for steps in 0..5 {
        let current = after(steps).current();
        let expected = if steps < 3 { (0, "old", 4) } else { (1, "new", 8) };
        let found = (current.space.get(), current.model.as_str().to_owned(), current.dimensions);
        assert_eq!(found, (expected.0, expected.1.to_owned(), expected.2), "after {steps} steps");
    }
}

#[test]
fn workers_write_into_both_spaces_until_the_switch_the_new_one_first() {
    assert_eq!(spaces(&collection()), [0]);
    for steps in 0..3 {
        assert_eq!(spaces(&after(steps)), [1, 0], "after {steps} steps");
    }
    for steps in 3..6 {
        assert_eq!(spaces(&after(steps)), [1], "after {steps} steps");
    }
}

#[test]
fn a_step_begins_at_the_first_document() {
    let id: DocumentId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let visited = started().visit_documents(id, 2).visit_documents(id, 1);
    let saga = visited.reembedding.as_ref().unwrap();
    assert_eq!((saga.cursor, saga.documents_done, saga.documents_total), (Some(id), 3, 3));
    let next = visited.end_step(7, at(30)).reembedding.unwrap();
    assert_eq!((next.cursor, next.documents_done, next.documents_total), (None, 0, 7));
}

#[test]
fn a_saga_that_is_given_up_before_the_switch_takes_back_what_it_built() {
    for steps in 0..3 {
        let failed = after(steps).fail_reembedding(failure(), at(50)).unwrap();
        assert_eq!((step(&failed), spaces(&failed)), (Some(SettleStopped), vec![0]));
        let saga = failed.reembedding.as_ref().unwrap();
        assert_eq!(saga.status(), ReembeddingStatus::Compensating);
        assert_eq!(saga.steps[saga.steps.len() - 2].outcome, Some(ReembeddingStepOutcome::Failed));
        assert_eq!(failed.clone().fail_reembedding(failure(), at(51)), None, "given up once only");
        let dropping = failed.end_step(3, at(60));
        assert_eq!(step(&dropping), Some(DropNew));
        let ended = dropping.end_step(3, at(70));
        let saga = ended.last_reembedding.clone().unwrap();
        assert_eq!((saga.status(), saga.ended_at), (ReembeddingStatus::Failed, Some(at(70))));
        assert_eq!(ended.current(), collection().current());
    }
}

#[test]
fn after_the_switch_nothing_gives_it_up() {
    for steps in 3..5 {
        assert_eq!(after(steps).fail_reembedding(failure(), at(50)), None);
        let refused = after(steps).abort_reembedding(at(50)).unwrap_err();
        assert_eq!(refused, ReembeddingRefused::Switched { model: model("new") });
    }
    assert_eq!(after(5).abort_reembedding(at(50)).unwrap_err(), ReembeddingRefused::NotUnderWay);
}

#[test]
fn what_holds_it_up_is_told_after_the_switch_only_and_until_it_is_past() {
    for steps in 0..3 {
        assert_eq!(after(steps).hold_up_reembedding(failure()), None, "it can be given up");
    }
    let compensating = started().fail_reembedding(failure(), at(50)).unwrap();
    assert_eq!(compensating.hold_up_reembedding(failure()), None);
    assert_eq!(after(5).hold_up_reembedding(failure()), None, "it has ended");
    let held_up = after(4).hold_up_reembedding(failure()).unwrap();
    let saga = held_up.reembedding.clone().unwrap();
    assert_eq!((saga.status(), saga.held_up_by), (ReembeddingStatus::Running, Some(failure())));
    let document: DocumentId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let past = held_up.clone().visit_documents(document, 1);
    assert_eq!(past.reembedding.unwrap().held_up_by, None);
    assert_eq!(held_up.end_step(3, at(60)).last_reembedding.unwrap().held_up_by, None);
}

#[test]
fn an_abort_compensates_and_asking_again_changes_nothing() {
    let aborted = after(1).abort_reembedding(at(50)).unwrap();
    assert_eq!(aborted.clone().abort_reembedding(at(51)).unwrap(), aborted);
    assert_eq!(spaces(&aborted), [0]);
    let ended = aborted.end_step(3, at(60)).end_step(3, at(70));
    assert_eq!(ended.last_reembedding.unwrap().status(), ReembeddingStatus::Aborted);
}

#[test]
fn a_second_saga_and_one_to_the_same_model_are_refused() {
    let refused = started().start_reembedding((model("newer"), 8), 3, trace(), at(20)).unwrap_err();
    assert_eq!(refused, ReembeddingRefused::UnderWay { model: model("new") });
    let refused = collection().start_reembedding((model("old"), 4), 3, trace(), at(20)).unwrap_err();
    assert_eq!(refused, ReembeddingRefused::SameModel { model: model("old") });
}

#[test]
fn no_space_is_used_twice() {
    let aborted = started().abort_reembedding(at(20)).unwrap().end_step(0, at(30)).end_step(0, at(40));
    assert_eq!(aborted.all_spaces().map(IndexSpace::get).collect::<Vec<_>>(), [0, 1]);
    let second = aborted.start_reembedding((model("new"), 8), 3, trace(), at(50)).unwrap();
    assert_eq!(spaces(&second), [2, 0]);
    assert!(!second.writes_into(IndexSpace::new(1)));
    let ended = (0..5).fold(second, |collection, _| collection.end_step(0, at(60)));
    let back = ended.start_reembedding((model("old"), 4), 3, trace(), at(70)).unwrap();
    assert_eq!(spaces(&back), [3, 2]);
    assert_eq!(back.all_spaces().map(IndexSpace::get).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_record_from_before_there_were_spaces_reads() {
    let old = r#"{"tenant_id":"acme","name":"papers","model":"old","dimensions":4,"created_at":"1970-01-01T00:00:00.000Z"}"#;
    assert_eq!(serde_json::from_str::<Collection>(old).unwrap(), collection());
    let text = serde_json::to_string(&after(4)).unwrap();
    assert_eq!(serde_json::from_str::<Collection>(&text).unwrap(), after(4));
}
