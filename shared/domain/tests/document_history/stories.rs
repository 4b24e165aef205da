//! The life of a document, sentence by sentence.

use millrace_domain::*;

use crate::builders::*;

fn ready() -> Vec<Command> {
    vec![upload(), extract(1), chunk(1, 3), embed(1, 0), embed(1, 1)]
}

fn after(mut commands: Vec<Command>, more: impl IntoIterator<Item = Command>) -> Vec<Command> {
    commands.extend(more);
    commands
}

#[test]
fn an_upload_begins_a_history_and_owes_its_ingestion() {
    let document = given([]).when(upload()).then(&["uploaded"]);
    assert_eq!(document.status, Status::Processing);
    assert_eq!(document.owed_jobs(), [Job::IngestDocument { generation: generation(1) }]);
    assert!(document.searchable_by().is_empty());
}

#[test]
fn a_repeated_upload_changes_nothing_and_another_is_refused() {
    given([upload()]).when(upload()).then(&[]);
    let refused = given([upload()]).when(Command::Upload(content(2))).then_refused();
    assert_eq!(refused, DocumentError::AlreadyExists);
}

#[test]
fn chunks_make_a_new_document_searchable_by_words_and_owe_its_batches() {
    let document = given([upload(), extract(1)]).when(chunk(1, 3)).then(&["chunked"]);
    assert_eq!(document.searchable_by(), [SearchableBy::Words]);
    assert_eq!(document.owed_jobs().len(), 2, "three chunks in batches of two");
}

#[test]
fn the_last_batch_completes_in_the_same_decision() {
    let commands = [upload(), extract(1), chunk(1, 3), embed(1, 1)];
    let document = given(commands).when(embed(1, 0)).then(&["chunks_embedded", "ingestion_completed"]);
    assert_eq!(document.status, Status::Ready);
    assert_eq!(document.embedded_chunks, 3);
    assert_eq!(document.searchable_by(), [SearchableBy::Words, SearchableBy::Meaning]);
    assert!(document.owed_jobs().is_empty());
}

#[test]
fn steps_that_were_recorded_change_nothing_when_they_come_again() {
    for repeated in ready().into_iter().skip(1) {
        given(ready()).when(repeated).then(&[]);
    }
}

#[test]
fn a_batch_outside_the_plan_or_before_it_is_refused() {
    let out_of_order = |error| matches!(error, DocumentError::OutOfOrder { .. });
    assert!(out_of_order(given([upload(), extract(1)]).when(embed(1, 0)).then_refused()));
    assert!(out_of_order(given([upload(), extract(1), chunk(1, 3)]).when(embed(1, 2)).then_refused()));
}

#[test]
fn a_new_generation_replaces_the_old_in_one_switch() {
    let second = [replace(2), extract(2), chunk(2, 1)];
    let before = given(after(ready(), second.clone())).document.unwrap();
    assert_eq!(before.published.unwrap().generation, generation(1), "the old one is seen until the switch");
    let done =
        given(after(ready(), second)).when(embed(2, 0)).then(&["chunks_embedded", "ingestion_completed"]);
    assert_eq!(done.published.unwrap().generation, generation(2));
    assert_eq!(done.owed_jobs(), [Job::PurgeGeneration { generation: generation(1) }]);
}

#[test]
fn a_stale_worker_cannot_publish() {
    let commands = [upload(), extract(1), chunk(1, 1), replace(2)];
    let refused = given(commands).when(embed(1, 0)).then_refused();
    assert_eq!(refused, DocumentError::Stale { generation: generation(1) });
}

#[test]
fn a_failure_withdraws_what_was_half_published_and_owes_its_purge() {
    let document =
        given([upload(), extract(1), chunk(1, 3), embed(1, 0)]).when(fail(1)).then(&["ingestion_failed"]);
    assert!(document.published.is_none());
    assert_eq!(document.owed_jobs(), [Job::PurgeGeneration { generation: generation(1) }]);
}

/// Its worker may have been told otherwise: the reply was lost.
#[test]
fn a_step_that_is_in_the_history_cannot_fail_any_more() {
    let failed = |stage, batch: Option<u32>| Command::FailIngestion {
        generation: generation(1),
        retry: 0,
        stage,
        batch: batch.map(BatchIndex::new),
        error_code: ErrorCode::DeadLettered,
        reason: "storage unavailable".into(),
        attempts: 6,
    };
    let extracted = [upload(), extract(1)];
    given(extracted.clone()).when(failed(Stage::Extract, None)).then(&["ingestion_failed"]);
    let chunked = after(extracted.to_vec(), [chunk(1, 3), embed(1, 0)]);
    for stage in [Stage::Extract, Stage::Chunk] {
        given(chunked.clone()).when(failed(stage, None)).then(&[]);
    }
    given(chunked.clone()).when(failed(Stage::Embed, Some(0))).then(&[]);
    given(chunked).when(failed(Stage::Embed, Some(1))).then(&["ingestion_failed"]);
    given(ready()).when(failed(Stage::Embed, Some(0))).then(&[]);
}

#[test]
fn a_failed_new_generation_leaves_the_old_one_published() {
    let commands = after(ready(), [replace(2), extract(2), chunk(2, 1)]);
    let document = given(commands).when(fail(2)).then(&["ingestion_failed"]);
    assert_eq!(document.status, Status::Failed);
    assert_eq!(document.published.unwrap().generation, generation(1));
}

#[test]
fn an_overtaken_half_published_generation_goes_with_its_successors_failure() {
    let commands = [upload(), extract(1), chunk(1, 3), replace(2), extract(2)];
    let document = given(commands).when(fail(2)).then(&["ingestion_failed"]);
    assert!(document.published.is_none());
    let owed: Vec<_> =
        document.residue.iter().map(|residue| (residue.generation.get(), residue.content)).collect();
    assert_eq!(owed, [(1, true), (2, false)]);
}

#[test]
fn a_retry_waits_for_the_purge_and_goes_on_from_the_text() {
    let failed = [upload(), extract(1), chunk(1, 3), embed(1, 0), fail(1)];
    assert!(matches!(given(failed.clone()).when(retry()).then_refused(), DocumentError::OutOfOrder { .. }));
    let purged = after(failed.to_vec(), [purge_vectors(1)]);
    let document = given(purged).when(retry()).then(&["ingestion_retried"]);
    assert_eq!((document.stage, document.embedded_chunks), (Stage::Chunk, 0));
    let commands = after(failed.to_vec(), [purge_vectors(1), retry(), chunk_at(1, 1, 3), embed_at(1, 1, 0)]);
    given(commands).when(embed_at(1, 1, 1)).then(&["chunks_embedded", "ingestion_completed"]);
}

#[test]
fn a_worker_of_the_attempt_before_a_retry_is_stale() {
    let retried = [
        upload(),
        extract(1),
        chunk(1, 3),
        embed(1, 0),
        fail(1),
        purge_vectors(1),
        retry(),
        chunk_at(1, 1, 3),
    ];
    for late in [embed(1, 1), chunk(1, 3), fail(1)] {
        let refused = given(retried.clone()).when(late).then_refused();
        assert_eq!(refused, DocumentError::Stale { generation: generation(1) });
    }
}

#[test]
fn a_superseded_generation_is_purged_of_index_and_content() {
    let commands = after(ready(), [replace(2), extract(2), chunk(2, 1), embed(2, 0), purge_vectors(1)]);
    let document = given(commands).when(purge_content(1)).then(&["content_purged"]);
    assert!(document.residue.is_empty() && !document.is_unsettled());
    given(ready()).when(purge_vectors(1)).then(&[]);
}

#[test]
fn cancelling_stops_the_workers_and_repeats_quietly() {
    let document =
        given([upload(), extract(1)]).when(Command::CancelIngestion).then(&["ingestion_cancelled"]);
    assert_eq!(document.status, Status::Cancelled);
    given([upload(), Command::CancelIngestion]).when(Command::CancelIngestion).then(&[]);
    assert!(matches!(
        given([upload(), Command::CancelIngestion]).when(extract(1)).then_refused(),
        DocumentError::Stale { .. }
    ));
    assert!(matches!(
        given(ready()).when(Command::CancelIngestion).then_refused(),
        DocumentError::NotPossible { .. }
    ));
}

#[test]
fn a_deletion_hides_at_once_and_ends_with_a_receipt() {
    let purged = [
        Command::RequestDeletion,
        Command::RecordVectorsPurged {
            generation: None,
            chunks: 3,
            vectors: 3,
            cached_vectors: 2,
            attempts: None,
        },
        Command::RecordContentPurged {
            generation: None,
            blobs: 4,
            bytes: ByteSize::new(500),
            attempts: None,
        },
    ];
    let hidden = given(ready()).when(Command::RequestDeletion).then(&["deletion_requested"]);
    assert!(hidden.published.is_none());
    assert_eq!(hidden.owed_jobs(), [Job::PurgeDocument {}]);
    let finish = Command::CompleteDeletion { attempts: None, at: at(50) };
    assert!(matches!(
        given(after(ready(), [Command::RequestDeletion])).when(finish.clone()).then_refused(),
        DocumentError::OutOfOrder { .. }
    ));
    let gone = given(after(ready(), purged)).when(finish).then(&["deleted"]);
    let receipt = gone.deletion.unwrap().receipt.unwrap();
    assert_eq!((receipt.chunks, receipt.vectors, receipt.cached_vectors, receipt.blobs), (3, 3, 2, 4));
}

#[test]
fn the_same_content_again_makes_no_new_generation_unless_the_last_one_failed() {
    given(ready()).when(replace(1)).then(&[]);
    given([upload(), fail(1)]).when(replace(1)).then(&["uploaded"]);
}

#[test]
fn nobody_moves_a_document_to_another_collection() {
    let moved = Content { collection: CollectionName::new("elsewhere").unwrap(), ..content(2) };
    let refused = given(ready()).when(Command::Replace(moved)).then_refused();
    assert!(matches!(refused, DocumentError::OtherCollection { .. }));
}
