//! The steps of a document's sagas, sentence by sentence, and for every history that commands can make.

use std::collections::HashSet;

use SagaStepOutcome::{Cancelled, Compensated, Done, Failed, Running, Superseded};
use millrace_domain::*;
use proptest::prelude::*;

use crate::builders::*;
use crate::properties::any_command;

/// The events that commands cause, a second apart; refused commands cause none.
fn history(commands: impl IntoIterator<Item = Command>) -> (Document, Vec<(DocumentEvent, Timestamp)>) {
    let mut document = None;
    let mut events = Vec::new();
    for command in commands {
        for event in decide(document.as_ref(), command).unwrap_or_default() {
            let time = at(1_000 * events.len() as i64);
            document = Some(evolve(document, &event, time));
            events.push((event, time));
        }
    }
    (document.expect("a history has an event"), events)
}

fn steps(commands: impl IntoIterator<Item = Command>) -> Vec<SagaStep> {
    SagaHistory::of(history(commands).1.iter().map(|(event, at)| (event, *at)))
}

fn told(steps: &[SagaStep]) -> Vec<(SagaStepName, u32, u32, SagaStepOutcome)> {
    steps.iter().map(|step| (step.step, step.generation.get(), step.retry, step.outcome)).collect()
}

use SagaStepName as Name;

#[test]
fn an_ingestion_has_five_steps_with_their_times() {
    let steps = steps([upload(), extract(1), chunk(1, 3), embed(1, 0), embed(1, 1)]);
    let names = [Name::Upload, Name::Extract, Name::Chunk, Name::Embed, Name::Complete];
    assert_eq!(told(&steps), names.map(|name| (name, 1, 0, Done)));
    let durations: Vec<_> = steps.iter().filter_map(SagaStep::duration_ms).collect();
    assert_eq!(durations, [0, 1_000, 1_000, 3_000, 0]);
    let embedded = steps[3].details;
    assert_eq!((embedded.batches_done, embedded.batches_total, embedded.chunks), (Some(2), Some(2), Some(3)));
}

#[test]
fn a_step_that_has_not_ended_runs() {
    let steps = steps([upload(), extract(1), chunk(1, 3), embed(1, 0)]);
    let last = steps.last().unwrap();
    assert_eq!(
        (last.step, last.outcome, last.ended_at, last.duration_ms()),
        (Name::Embed, Running, None, None)
    );
    assert_eq!((last.details.batches_done, last.details.batches_total), (Some(1), Some(2)));
}

#[test]
fn attempts_are_those_of_the_events_and_of_batches_the_most() {
    let tried = |command: Command, times: u32| match command {
        Command::RecordExtraction { generation, media_type, pages, text_bytes, title, .. } => {
            let attempts = Some(times);
            Command::RecordExtraction { generation, media_type, pages, text_bytes, title, attempts }
        }
        Command::RecordEmbeddedBatch { generation, retry, batch, cached, model, at, .. } => {
            let attempts = Some(times);
            Command::RecordEmbeddedBatch { generation, retry, batch, cached, model, attempts, at }
        }
        other => other,
    };
    let steps =
        steps([upload(), tried(extract(1), 2), chunk(1, 3), tried(embed(1, 0), 4), tried(embed(1, 1), 1)]);
    let attempts: Vec<_> = steps.iter().map(|step| step.attempts).collect();
    assert_eq!(attempts, [None, Some(2), None, Some(4), None], "a history of before the field knows none");
}

#[test]
fn each_step_has_the_numbers_of_its_events() {
    let cached = |command: Command, times: u32| match command {
        Command::RecordEmbeddedBatch { generation, retry, batch, model, attempts, at, .. } => {
            Command::RecordEmbeddedBatch { generation, retry, batch, cached: times, model, attempts, at }
        }
        other => other,
    };
    let extracted = Command::RecordExtraction {
        generation: generation(1),
        media_type: "application/pdf".into(),
        pages: 7,
        text_bytes: ByteSize::new(90),
        title: None,
        attempts: None,
    };
    let ingested =
        [upload(), extracted, chunk(1, 3), cached(embed(1, 0), 1), cached(embed(1, 1), 1)].into_iter();
    let replaced = [replace(2), extract(2), chunk(2, 1), embed(2, 0), purge_vectors(1), purge_content(1)];
    let deleted = [Command::RequestDeletion, purge_all_vectors(None), purge_all_content(None)];
    let steps = steps(ingested.chain(replaced).chain(deleted));
    let details = |name: SagaStepName, saga: Saga| {
        steps.iter().find(|step| step.step == name && step.saga == saga).unwrap().details
    };
    let none = SagaStepDetails::default();
    let expected = [
        (Name::Upload, Saga::Ingestion, SagaStepDetails { bytes: Some(100), ..none }),
        (Name::Extract, Saga::Ingestion, SagaStepDetails { pages: Some(7), bytes: Some(90), ..none }),
        (Name::Chunk, Saga::Ingestion, SagaStepDetails { chunks: Some(3), ..none }),
        (Name::Complete, Saga::Ingestion, SagaStepDetails { chunks: Some(3), ..none }),
        (
            Name::Embed,
            Saga::Ingestion,
            SagaStepDetails {
                chunks: Some(3),
                batches_done: Some(2),
                batches_total: Some(2),
                cached_vectors: Some(2),
                ..none
            },
        ),
        (
            Name::PurgeGeneration,
            Saga::Compensation,
            SagaStepDetails {
                chunks: Some(1),
                vectors: Some(1),
                cached_vectors: Some(0),
                blobs: Some(1),
                bytes: Some(1),
                ..none
            },
        ),
        (
            Name::PurgeIndex,
            Saga::Deletion,
            SagaStepDetails { chunks: Some(3), vectors: Some(3), cached_vectors: Some(2), ..none },
        ),
        (Name::PurgeContent, Saga::Deletion, SagaStepDetails { blobs: Some(4), bytes: Some(500), ..none }),
        (Name::Verify, Saga::Deletion, none),
    ];
    for (name, saga, expected) in expected {
        assert_eq!(details(name, saga), expected, "{name:?}");
    }
}

#[test]
fn an_embedding_that_has_just_begun_says_how_much_there_is_to_do() {
    let embedding = steps([upload(), extract(1), chunk(1, 3)]).pop().unwrap();
    let SagaStepDetails { chunks, batches_done, batches_total, .. } = embedding.details;
    assert_eq!((chunks, batches_done, batches_total), (Some(0), Some(0), Some(2)));
}

#[test]
fn a_retry_of_an_extraction_extracts_again() {
    let failed = Command::FailIngestion {
        generation: generation(1),
        retry: 0,
        stage: Stage::Extract,
        batch: None,
        error_code: ErrorCode::TimedOut,
        reason: "the parser took too long".into(),
        attempts: 1,
    };
    let steps = steps([upload(), failed, retry()]);
    assert_eq!(told(&steps)[1..], [(Name::Extract, 1, 0, Failed), (Name::Extract, 1, 1, Running)]);
}

#[test]
fn a_purge_that_was_recorded_out_of_turn_has_a_step_of_its_own() {
    let steps = steps([upload(), Command::RequestDeletion, purge_all_content(None), purge_all_vectors(None)]);
    let expected = [
        (Name::Tombstone, 1, 0, Done),
        (Name::PurgeIndex, 1, 0, Done),
        (Name::PurgeContent, 1, 0, Done),
        (Name::Verify, 1, 0, Running),
    ];
    assert_eq!(told(&steps)[2..], expected);
    assert_eq!((steps[3].duration_ms(), steps[4].duration_ms()), (Some(2_000), Some(0)));
}

#[test]
fn a_failure_is_compensated_and_its_retry_goes_on() {
    let failed = vec![upload(), extract(1), chunk(1, 3), embed(1, 0), fail(1)];
    let owed = steps(failed.clone());
    assert_eq!(
        told(&owed)[2..],
        [(Name::Chunk, 1, 0, Done), (Name::Embed, 1, 0, Failed), (Name::PurgeGeneration, 1, 0, Running)]
    );
    assert_eq!((owed[3].error_code, owed[3].attempts), (Some(ErrorCode::DeadLettered), Some(5)));
    assert_eq!(owed[4].cause, Some(CompensationCause::Failure));
    let retried = steps(failed.into_iter().chain([purge_vectors(1), retry(), chunk_at(1, 1, 1)]));
    assert_eq!(
        told(&retried)[2..],
        [
            (Name::Chunk, 1, 0, Compensated),
            (Name::Embed, 1, 0, Failed),
            (Name::PurgeGeneration, 1, 0, Done),
            (Name::Chunk, 1, 1, Done),
            (Name::Embed, 1, 1, Running),
        ]
    );
    assert_eq!(retried[4].details.vectors, Some(1));
}

#[test]
fn a_failure_while_chunking_names_the_step_it_failed_in() {
    let failed = Command::FailIngestion {
        generation: generation(1),
        retry: 0,
        stage: Stage::Chunk,
        batch: None,
        error_code: ErrorCode::TooLarge,
        reason: "more chunks than can be counted".into(),
        attempts: 1,
    };
    let steps = steps([upload(), failed]);
    let expected = [
        (Name::Upload, 1, 0, Done),
        (Name::Extract, 1, 0, Done),
        (Name::Chunk, 1, 0, Failed),
        (Name::PurgeGeneration, 1, 0, Running),
    ];
    assert_eq!(told(&steps), expected);
}

#[test]
fn a_broken_content_fails_at_its_extraction_and_owes_nothing() {
    let failed = Command::FailIngestion {
        generation: generation(1),
        retry: 0,
        stage: Stage::Extract,
        batch: None,
        error_code: ErrorCode::Corrupt,
        reason: "no header".into(),
        attempts: 1,
    };
    assert_eq!(told(&steps([upload(), failed]))[1..], [(Name::Extract, 1, 0, Failed)]);
}

#[test]
fn a_cancellation_is_compensated() {
    let steps = steps([upload(), extract(1), chunk(1, 3), Command::CancelIngestion, purge_vectors(1)]);
    assert_eq!(
        told(&steps)[2..],
        [
            (Name::Chunk, 1, 0, Compensated),
            (Name::Embed, 1, 0, Cancelled),
            (Name::PurgeGeneration, 1, 0, Done)
        ]
    );
    assert_eq!(steps[4].cause, Some(CompensationCause::Cancellation));
}

#[test]
fn a_new_generation_purges_the_one_it_replaced_and_undoes_nothing_of_it() {
    let ready = [upload(), extract(1), chunk(1, 1), embed(1, 0)];
    let second = [replace(2), extract(2), chunk(2, 1), embed(2, 0), purge_vectors(1), purge_content(1)];
    let steps = steps(ready.into_iter().chain(second));
    assert_eq!(steps.len(), 11);
    assert!(steps.iter().all(|step| step.outcome == Done), "{steps:#?}");
    let purge = steps[10];
    assert_eq!((purge.step, purge.generation.get()), (Name::PurgeGeneration, 1));
    assert_eq!((purge.cause, purge.details.blobs), (Some(CompensationCause::Supersession), Some(1)));
}

#[test]
fn an_overtaken_generation_is_superseded_and_taken_back_whole() {
    let commands =
        [upload(), extract(1), replace(2), extract(2), chunk(2, 1), purge_vectors(1), purge_content(1)];
    let steps = steps(commands);
    assert_eq!(
        told(&steps)[..3],
        [
            (Name::Upload, 1, 0, Compensated),
            (Name::Extract, 1, 0, Compensated),
            (Name::Chunk, 1, 0, Superseded)
        ]
    );
    let purge = steps.iter().find(|step| step.saga == Saga::Compensation).unwrap();
    assert_eq!((purge.outcome, purge.cause), (Done, Some(CompensationCause::Supersession)));
}

#[test]
fn a_deletion_stops_what_runs_and_ends_with_its_verification() {
    let running = [upload(), extract(1), chunk(1, 3), fail(1), Command::RequestDeletion];
    let purged = [purge_all_vectors(None), purge_all_content(None)];
    let finished = [Command::CompleteDeletion { attempts: None, at: at(50) }];
    let steps = steps(running.into_iter().chain(purged).chain(finished));
    assert_eq!(
        told(&steps)[3..],
        [
            (Name::Embed, 1, 0, Failed),
            (Name::PurgeGeneration, 1, 0, Superseded),
            (Name::Tombstone, 1, 0, Done),
            (Name::PurgeIndex, 1, 0, Done),
            (Name::PurgeContent, 1, 0, Done),
            (Name::Verify, 1, 0, Done),
        ]
    );
    assert_eq!((steps[6].details.cached_vectors, steps[7].details.blobs), (Some(2), Some(4)));
    let cancelled = self::steps([upload(), Command::RequestDeletion]);
    assert_eq!(cancelled[1].outcome, Cancelled);
    assert_eq!(cancelled.last().unwrap().step, Name::PurgeIndex);
}

#[test]
fn a_deletion_s_attempts_belong_to_the_steps_that_took_them() {
    let attempts = |[index, content, verified]: [Option<u32>; 3]| {
        let purged = [purge_all_vectors(index), purge_all_content(content)];
        let finished = Command::CompleteDeletion { attempts: verified, at: at(50) };
        let commands = [upload(), Command::RequestDeletion].into_iter().chain(purged).chain([finished]);
        let last = steps(commands).split_off(3);
        last.iter().map(|step| step.attempts).collect::<Vec<_>>()
    };
    assert_eq!(attempts([Some(1), Some(1), Some(1)]), [Some(1), Some(1), Some(1)]);
    assert_eq!(attempts([Some(2), Some(2), Some(5)]), [Some(2), Some(1), Some(4)]);
    assert_eq!(attempts([Some(6), Some(1), Some(2)]), [Some(6), Some(1), Some(2)], "a claim counted anew");
    assert_eq!(attempts([None, Some(3), Some(4)]), [None, None, Some(2)], "begun by an earlier release");
    assert_eq!(attempts([None, None, None]), [None, None, None]);
}

#[test]
fn a_compensation_has_the_attempts_of_the_purge_that_took_the_most() {
    let tried = |attempts: [Option<u32>; 2]| {
        let purged = [
            Command::RecordVectorsPurged {
                generation: Some(generation(1)),
                chunks: 1,
                vectors: 1,
                cached_vectors: 0,
                attempts: attempts[0],
            },
            Command::RecordContentPurged {
                generation: Some(generation(1)),
                blobs: 1,
                bytes: ByteSize::new(1),
                attempts: attempts[1],
            },
        ];
        let steps = steps([upload(), extract(1), replace(2)].into_iter().chain(purged));
        let purge = steps.iter().find(|step| step.saga == Saga::Compensation).unwrap();
        (purge.outcome, purge.attempts)
    };
    assert_eq!(tried([Some(2), Some(2)]), (Done, Some(2)));
    assert_eq!(tried([Some(3), Some(1)]), (Done, Some(3)));
    assert_eq!(tried([Some(1), Some(4)]), (Done, Some(4)));
    assert_eq!(tried([None, None]), (Done, None));
}

#[test]
fn a_clock_that_runs_behind_ends_no_step_before_it_began() {
    let (_, mut events) = history([upload(), extract(1), chunk(1, 1)]);
    events[1].1 = at(-60_000);
    let steps = SagaHistory::of(events.iter().map(|(event, at)| (event, *at)));
    assert_eq!(steps[1].duration_ms(), Some(0));
    assert!(steps.iter().all(|step| step.ended_at.is_none_or(|ended| ended >= step.started_at)));
}

/// What is wrong with the steps of one history.
fn faults(document: &Document, steps: &[SagaStep]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut running = HashSet::new();
    for step in steps {
        if step.is_running() != step.ended_at.is_none() {
            faults.push(format!("has an end or runs: {step:?}"));
        }
        if step.ended_at.is_some_and(|ended| ended < step.started_at) {
            faults.push(format!("ends before it begins: {step:?}"));
        }
        if step.is_running() && !running.insert((step.step, step.generation)) {
            faults.push(format!("runs twice: {step:?}"));
        }
        if (step.outcome == Failed) != step.error_code.is_some() {
            faults.push(format!("an error code says why it failed: {step:?}"));
        }
        if (step.saga == Saga::Compensation) != step.cause.is_some() {
            faults.push(format!("a compensation has a cause: {step:?}"));
        }
    }
    let runs = |saga| steps.iter().filter(|step| step.saga == saga && step.is_running()).count();
    let expected = [
        (Saga::Ingestion, usize::from(document.status == Status::Processing)),
        (Saga::Deletion, usize::from(document.status == Status::Deleting)),
        (Saga::Compensation, document.residue.len()),
    ];
    for (saga, number) in expected {
        if runs(saga) != number {
            faults.push(format!("{number} of {saga:?} should run"));
        }
    }
    faults
}

/// The compensation that a stop owed, if the state right after it owes one.
fn is_compensated(steps: &[SagaStep], generation: Generation, retry: u32) -> bool {
    steps.iter().any(|step| {
        (step.saga, step.generation, step.retry) == (Saga::Compensation, generation, retry)
            && matches!(step.outcome, Running | Done | Superseded)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn steps_fit_the_state_after_every_event(commands in prop::collection::vec(any_command(), 1..60)) {
        let (_, events) = history(std::iter::once(upload()).chain(commands));
        let (mut document, mut sagas) = (None, SagaHistory::default());
        let mut owed = Vec::new();
        for (event, time) in &events {
            document = Some(evolve(document, event, *time));
            sagas.record(event, *time);
            let (state, steps) = (document.as_ref().unwrap(), sagas.clone().into_steps());
            prop_assert_eq!(faults(state, &steps), Vec::<String>::new(), "after {:?} in {:#?}", event, steps);
            let stopped = matches!(state.status, Status::Failed | Status::Cancelled);
            if stopped && state.residue.iter().any(|residue| residue.generation == state.generation) {
                owed.push((state.generation, state.retries));
            }
            let all = owed.iter().all(|(generation, retry)| is_compensated(&steps, *generation, *retry));
            prop_assert!(all, "a stop without its compensation in {:#?}", steps);
        }
    }
}
