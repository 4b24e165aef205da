//! The mutations: where, what is there, and what is put in its place.

/// A change of one place.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

/// A way in which the code might be wrong.
#[derive(Debug)]
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) edits: &'static [Edit],
}

macro_rules! mutations {
    ($($name:literal, $about:literal: [$($file:literal: $find:literal => $replace:literal),+ $(,)?];)*) => {
        /// All of them.
        pub(crate) const MUTATIONS: &[Mutation] = &[$(Mutation {
            name: $name,
            about: $about,
            edits: &[$(Edit { file: $file, find: $find, replace: $replace }),+],
        }),*];
    };
}

mutations! {
    "drop the fence", "a claim is completed whoever owns it by now": [
        "shared/adapters-local/src/ledger_row.rs": "WHERE step = ?1 AND owner = ?2" => "WHERE step = ?1 AND ?2 = ?2",
    ];
    "skip the follow-on", "chunk-worker does not send the embed jobs": [
        "shared/application/src/commands/ingest_document.rs":
            "            self.repeat_follow_on(delivery, &executed.document).await\n        };"
            => "            Ok::<_, PortError>(JobOutcome::Acknowledge)\n        };",
    ];
    "acknowledge before the append", "an append's failure is not looked at": [
        "shared/application/src/documents.rs": "self.store.append(append).await?;" => "let _ = self.store.append(append).await;",
    ];
    "publish before the vectors", "embed-worker stores one vector of a batch and publishes it all": [
        "shared/application/src/commands/embed_chunks.rs":
            "put_vectors(&writing.target(space, document.generation), &made.vectors).await?;"
            => "put_vectors(&writing.target(space, document.generation), &made.vectors[..made.vectors.len().min(1)]).await?;",
    ];
    "publish before the words", "chunk-worker indexes all chunks of a slice but the last": [
        "shared/application/src/commands/ingest_document.rs":
            "self.index.put_words(writing, document, &indexed).await"
            => "self.index.put_words(writing, document, &indexed[..indexed.len().saturating_sub(1)]).await",
    ];
    "search without the generation filter", "neither index nor query hide other generations": [
        "shared/application/src/queries/search_documents.rs":
            "if publication.generation != candidate.generation {" => "if publication.generation > Generation::new(u32::MAX) {",
        "shared/adapters-local/src/search/collection.rs":
            "self.visible.is_some_and(|(generation, _)| generation == written.entry.generation)"
            => "self.visible.is_some() || written.slots.is_empty()",
    ];
    "search does not ask again", "a switch of generations between index and heads is not noticed": [
        "shared/application/src/queries/search_documents.rs": "if !switched {" => "if !switched || visible.is_empty() || true {",
    ];
    "purge the wrong generation", "a superseded generation's purge removes all generations": [
        "shared/application/src/sagas/purge_generation.rs":
            "let removed = self.index.purge(key, &document.collection, Some(generation), only_at).await?;"
            => "let removed = self.index.purge(key, &document.collection, None, only_at).await?;",
    ];
    "sweeper that never looks", "stalled documents are not restarted": [
        "shared/application/src/stalled_documents.rs":
            "let mut documents = page.documents.into_iter();" => "let mut documents = page.documents[..0].to_vec().into_iter();",
    ];
    "throttling spends attempts", "throttled counts as failed": [
        "shared/application/src/job_outcome.rs":
            "ErrorKind::Throttled => Self::Postpone { delay_ms: throttled_ms(error.retry_after_ms) },"
            => "ErrorKind::Throttled => Self::Retry { delay_ms: throttled_ms(error.retry_after_ms), reason: String::new() },",
    ];
    "idempotency key without the body", "the fingerprint leaves the content out": [
        "shared/application/src/commands/accept_content.rs": "        stored.sha256.as_str(),\n        &metadata," => "        &metadata,",
    ];
    "idempotency key not completed with the append", "the claim of a request is completed by nobody": [
        "shared/application/src/commands/accept_content.rs":
            "            context.completes = claim.map(|claim| (claim.clone(), result));\n            if !upload.collection_exists {"
            => "            let _ = (claim, result);\n            if !upload.collection_exists {",
    ];
    "answer foretold on another version", "a replacement's kept answer may name the wrong generation": [
        "shared/application/src/commands/accept_content.rs":
            "context.if_version = plan.if_version.or(claim.map(|_| current.version));" => "context.if_version = plan.if_version;",
    ];
    "content deleted after an uncertain append", "a failed request deletes its content though the event may be there": [
        "shared/application/src/commands/accept_content.rs": "            && !uncertain\n" => "            && (!uncertain || !kept)\n",
    ];
    "tenant from a header", "the caller may name the tenant": [
        "functions/api/src/caller.rs":
            "let tenant_id = api.authenticator.authenticate(head).await?;"
            => "let tenant_id = api.authenticator.authenticate(head).await?;\n        let named = head.headers.get(\"x-tenant-id\").and_then(|name| TenantId::new(name.to_str().ok()?).ok());\n        let tenant_id = named.unwrap_or(tenant_id);",
    ];
    "append without the version", "two appends on one version both succeed": [
        "shared/adapters-local/src/head_row.rs":
            "WHERE tenant = ?1 AND document = ?2 AND version = ?10" => "WHERE tenant = ?1 AND document = ?2 AND ?10 = ?10",
        "shared/adapters-local/src/sqlite_event_store.rs":
            "INSERT INTO events (tenant, document, sequence, envelope)" => "INSERT OR REPLACE INTO events (tenant, document, sequence, envelope)",
    ];
    "claims are no obstacle", "a step is claimed though its owner is at work": [
        "shared/adapters-local/src/sqlite_job_ledger.rs":
            "Some(_) if known.expires_at > now =>" => "Some(_) if known.expires_at > now && known.attempt > 1_000 =>",
    ];
    "claims never expire", "the step of a worker that died stays claimed": [
        "shared/adapters-local/src/sqlite_job_ledger.rs":
            "Some(_) if known.expires_at > now =>" => "Some(_) if known.expires_at > now || known.attempt < 1_000 =>",
    ];
    "relay goes on after a failure", "the stream advances past what was not published": [
        "shared/function-runtime/src/stream_batch.rs":
            "response(records.get(at).copied().or(event.records.first()))" => "response(records.get(at).copied().filter(|_| false))",
    ];
    "relay reports the last failure", "events before the last failure are not repeated": [
        "shared/application/src/commands/publish_events.rs":
            ".find_map(|(at, answer)| Some((at, answer.err()?)))"
            => ".filter_map(|(at, answer)| Some((at, answer.err()?))).last()",
    ];
    "projector folds what it has seen", "a repeated event is applied again": [
        "shared/application/src/projections/project_documents.rs":
            "if envelope.sequence.get() <= seen {" => "if envelope.sequence.get() < seen {",
        "shared/application/src/projections/project_documents.rs":
            "if envelope.sequence.get() == seen + 1 {" => "if envelope.sequence.get() <= seen + 1 && seen > 0 || envelope.sequence.get() == 1 {",
    ];
    "projector does not close gaps", "an event out of turn is folded as if it were next": [
        "shared/application/src/projections/project_documents.rs":
            "if envelope.sequence.get() == seen + 1 {" => "if seen > 0 || envelope.sequence.get() == 1 {",
    ];
    "receipt of the last attempt only", "what an attempt removed that died is not counted": [
        "shared/application/src/sagas/found.rs":
            "IndexUsage { chunks: removed.chunks.max(self.chunks), vectors: removed.vectors.max(self.vectors) }" => "removed",
    ];
    "deletion without a read-back", "blobs are counted and not removed, and nobody looks": [
        "shared/application/src/sagas/purge_document.rs":
            "let removed = self.blobs.delete_prefix(&BlobPrefix::document(key)).await?;"
            => "let removed = self.blobs.usage(&BlobPrefix::document(key)).await?;",
        "shared/application/src/sagas/purge_document.rs":
            "        self.blobs.delete_prefix(&BlobPrefix::document(key)).await?;\n        let index" => "        let index",
        "shared/application/src/sagas/purge_document.rs":
            "if index == IndexUsage::default() && blobs == BlobUsage::default() {" => "if index == IndexUsage::default() || blobs == BlobUsage::default() {",
    ];
    "tombstone that hides nothing", "a deleted document stays published": [
        "shared/domain/src/document/evolve.rs":
            "    document.status = Status::Deleting;\n    document.published = None;" => "    document.status = Status::Deleting;",
    ];
    "half a document stays published", "a failed or cancelled first generation keeps its words in sight": [
        "shared/domain/src/document/evolve.rs":
            "        document.published = None;\n        if half.generation" => "        if half.generation",
    ];
    "words of a stopped generation are not purged", "no purge is owed before the chunking was recorded": [
        "shared/domain/src/document/evolve.rs": "    if !nothing_written {" => "    if !nothing_written && document.stage >= Stage::Chunk {",
    ];
    "replaced generation is not purged", "completion owes no purge of what it replaced": [
        "shared/domain/src/document/evolve.rs":
            "    let replaced = document.published.filter(|published| published.generation != data.generation);"
            => "    let replaced = document.published.filter(|published| published.generation > data.generation);",
    ];
    "purges are not owed", "the jobs of a purge are never sent": [
        "shared/domain/src/document/owed_jobs.rs": "self.residue.iter().map(" => "self.residue.iter().take(0).map(",
    ];
    "retry before the purge", "a stopped generation is retried while its leftovers are there": [
        "shared/domain/src/document/decide.rs":
            "if document.residue.iter().any(|residue| residue.generation == document.generation) {"
            => "if document.residue.iter().any(|residue| residue.generation > document.generation) {",
    ];
    "complete with a batch missing", "the last batch but one completes the document": [
        "shared/domain/src/document/decide.rs":
            "if document.embedded_batches.len() + 1 == plan.batches() {" => "if document.embedded_batches.len() + 2 >= plan.batches() {",
    ];
    "a batch counts twice", "neither the document nor the ledger remembers that a batch was embedded": [
        "shared/domain/src/document/decide.rs":
            "    if document.embedded_batches.contains(batch) {\n        return Ok(vec![]);\n    }\n" => "",
        "shared/application/src/commands/embed_chunks.rs":
            "Admission::Work(document) if document.embedded_batches.contains(batch) => {" => "Admission::Work(document) if document.embedded_batches.contains(batch) && document.retries > 1_000 => {",
        "shared/application/src/idempotent_step.rs":
            "attempts_max: 6, remember_ms: 86_400_000 }" => "attempts_max: 6, remember_ms: 1 }",
    ];
    "stale workers may record", "a generation that was overtaken or stopped takes events": [
        "shared/domain/src/document/decide.rs":
            "    if document.is_processing(generation) { Ok(()) } else { Err(DocumentError::Stale { generation }) }"
            => "    if document.generation >= generation { Ok(()) } else { Err(DocumentError::Stale { generation }) }",
    ];
    "dead letters without a word", "an exhausted job leaves its document processing": [
        "shared/application/src/commands/fail_ingestion.rs":
            "        match self.record(delivery, claim, fault, format!(\"{DEAD_LETTERED}{code}\")).await {"
            => "        if fault.error_code == ErrorCode::DeadLettered {\n            return JobOutcome::Acknowledge;\n        }\n        match self.record(delivery, claim, fault, format!(\"{DEAD_LETTERED}{code}\")).await {",
    ];
    "a lost letter stays lost", "a message that comes again after it failed its document is reported as done": [
        "shared/application/src/commands/fail_ingestion.rs":
            "let (Some(failure), 2..) = (failure, delivery.receive_count)"
            => "let (Some(failure), 200..) = (failure, delivery.receive_count)",
    ];
    "orphans are kept", "the sweeper takes every upload to be in use": [
        "shared/application/src/commands/sweep.rs": "        if in_use {\n" => "        if in_use || self.policy.orphan_ms > 0 {\n",
    ];
    "contents in use are orphans", "the sweeper removes the current content": [
        "shared/application/src/commands/sweep.rs": "            document.upload_id == upload\n                || document" => "            document",
    ];
    "a stale worker leaves its words", "nobody removes what was written after the purge": [
        "shared/application/src/leftovers.rs":
            "        } else if is_owed(&document, generation) {\n            return Err(under_way());\n" => "        } else if is_owed(&document, generation) {\n",
    ];
    "leftovers that somebody holds are taken for removed", "a lost claim on leftovers ends their removal": [
        "shared/application/src/leftovers.rs":
            "Begun::NotNow(_) => return Err(under_way())," => "Begun::NotNow(_) => return Ok(()),",
    ];
    "a panic takes the batch along", "a handler's panic is not caught": [
        "shared/function-runtime/src/sqs_batch.rs":
            "let outcome = AssertUnwindSafe(handle(message.clone())).catch_unwind().await;"
            => "let outcome = AssertUnwindSafe(async { Ok::<_, ()>(handle(message.clone()).await) }).await;",
    ];
    "retries are acknowledged", "a message that is to come again is reported as done": [
        "shared/function-runtime/src/sqs_batch.rs":
            "                tracing::warn!(%error, \"job returns after its visibility timeout instead\");\n            }\n            return Err(());"
            => "                tracing::warn!(%error, \"job returns after its visibility timeout instead\");\n            }\n            return Ok(());",
    ];
    "counters count the deleted", "a deleted document's chunks and bytes stay in the counts": [
        "shared/adapters-local/src/sqlite_read_model.rs":
            "let held = document.status != Status::Deleted;" => "let held = document.status != Status::Deleted || document.version.get() > 0;",
    ];
    "views go back", "an older view replaces a newer one": [
        "shared/adapters-local/src/sqlite_read_model.rs": "WHERE excluded.version > " => "WHERE excluded.version < 1000000 OR excluded.version > ",
    ];
    "re-embedding: nobody asks before the append", "what was written counts though a space has come to be meanwhile": [
        "shared/application/src/index_spaces.rs":
            "if wanted.iter().all(|space| written.contains(space)) {" => "if wanted.len() + written.len() > 0 {",
    ];
    "re-embedding: verification accepts everything", "the new space is never found to lack anything": [
        "shared/application/src/sagas/compared_spaces.rs":
            "if new.chunks < expected.chunks || new.vectors < expected.vectors {" => "if new.chunks < expected.chunks && new.vectors > expected.vectors {",
    ];
    "re-embedding: the model does not switch with the space", "searches ask the new space with a vector of the old model": [
        "shared/domain/src/collection/transitions.rs":
            "(self.space, self.model, self.dimensions) =\n                    (saga.to.space, saga.to.model.clone(), saga.to.dimensions);" => "self.space = saga.to.space;",
    ];
    "re-embedding: stragglers leave what they wrote", "nobody tidies up where nobody writes any more": [
        "shared/application/src/index_spaces.rs": "        for space in unused {" => "        for space in unused.take(0) {",
    ];
    // What the first list did not think of.
    "a redrive copies", "the dead letter stays where it was": [
        "shared/adapters-local/src/queue/burying.rs":
            ".and_then(|_| connection.prepare_cached(\"DELETE FROM messages WHERE id = ?1\"))"
            => ".and_then(|_| connection.prepare_cached(\"DELETE FROM messages WHERE id = -?1\"))",
    ];
    "a redrive drops the attributes", "a letter that is put back is not known as one": [
        "shared/adapters-local/src/queue/burying.rs":
            "SELECT queue, share, ?2, ?3, 0, 0, 0, ?4, attributes, body FROM messages WHERE id = ?1"
            => "SELECT queue, share, ?2, ?3, 0, 0, 0, ?4, '{}', body FROM messages WHERE id = ?1",
    ];
    "a redrive takes letters of other tenants", "whose a letter is is not looked at": [
        "shared/application/src/dead_letter_scan.rs":
            "entries.filter(|entry| scope.covers(entry) && filter.passes(entry))"
            => "entries.filter(|entry| filter.passes(entry))",
    ];
    "a redrive takes letters that were not named", "the filter is not looked at": [
        "shared/application/src/dead_letter_scan.rs":
            "entries.filter(|entry| scope.covers(entry) && filter.passes(entry))"
            => "entries.filter(|entry| scope.covers(entry))",
    ];
    "a dry run moves letters", "nobody looks whether a redrive is meant": [
        "shared/application/src/commands/redrive_dead_letters.rs":
            "let moved = match (dry_run, whole) {"
            => "let moved = match (&(*dry_run && whole), whole) {",
    ];
    "a redriven job does nothing", "a failed document is not tried again by its dead letter": [
        "shared/application/src/admission.rs":
            "Status::Failed if delivery.redriven && dead_lettered => {"
            => "Status::Failed if delivery.redriven && !dead_lettered => {",
    ];
    "a postponed job stays redriven for ever", "the mark of the dead is sent along with every copy": [
        "shared/function-runtime/src/sqs_batch.rs":
            "!OF_THE_DEAD.contains(&name.as_str())"
            => "!OF_THE_DEAD.contains(&name.as_str()) || delay_ms > 0",
    ];
    "dead letters lose their code", "a message is buried without saying of what it died": [
        "shared/adapters-local/src/queue/burying.rs":
            "    attributes.insert(DEAD_LETTER_CODE.to_owned(), code.as_str().to_owned());\n"
            => "    attributes.insert(DEAD_LETTER_CODE.to_owned(), String::new());\n",
    ];
    "old receipts stay good", "whoever had a message before can delete it": [
        "shared/adapters-local/src/queue/taking.rs":
            "FROM messages WHERE id = ?1 AND queue = ?2 AND delivery = ?3"
            => "FROM messages WHERE id = ?1 AND queue = ?2 AND ?3 = ?3",
    ];
    "messages in flight are not hidden", "a message comes again while its worker is at it": [
        "shared/adapters-local/src/queue/taking.rs":
            "now.plus_millis(i64::try_from(policy.visibility_timeout_ms).unwrap_or(i64::MAX));"
            => "now.plus_millis(i64::try_from(policy.visibility_timeout_ms / 1_000).unwrap_or(i64::MAX));",
    ];
    "a delay is ignored by the queue", "a message that is to be delayed is ready at once": [
        "shared/adapters-local/src/queue/taking.rs":
            "let state = if message.delay_ms == 0 { READY } else { HIDDEN };"
            => "let state = if message.delay_ms < u64::MAX { READY } else { HIDDEN };",
    ];
    "every item is reported as failed", "messages that are done come again, too": [
        "shared/function-runtime/src/sqs_batch.rs":
            "steer(jobs, queue, &message, outcome).await.err().map(|()| id)"
            => "Some(steer(jobs, queue, &message, outcome).await.map_or(id.clone(), |()| id))",
    ];
    "no wait between attempts", "a failed job comes back at once": [
        "shared/application/src/job_outcome.rs":
            "    base - base / 4 + random % (base / 2)"
            => "    (base - base / 4 + random % (base / 2)).min(0)",
    ];
    "waits do not grow", "every attempt waits as long as the first": [
        "shared/application/src/job_outcome.rs":
            "let base = BACKOFF_MS[step];"
            => "let base = BACKOFF_MS[step.min(0)];",
    ];
    "one attempt too many", "the last permitted attempt is not known as the last": [
        "shared/application/src/idempotent_step.rs":
            "        claim.attempt >= self.policy.attempts_max\n"
            => "        claim.attempt > self.policy.attempts_max\n",
    ];
    "anybody releases a claim", "a stale worker gives back the claim of its successor": [
        "shared/adapters-local/src/sqlite_job_ledger.rs":
            "WHERE step = ?1 AND owner = ?2 AND result IS NULL"
            => "WHERE step = ?1 AND ?2 = ?2 AND result IS NULL",
    ];
    "completed steps are forgotten at once", "an idempotency record expires when it is written": [
        "shared/adapters-local/src/ledger_row.rs":
            "THEN ?3 + remember_ms ELSE forget_at END"
            => "THEN ?3 ELSE forget_at END",
    ];
    "a late job removes what is published", "a job on the published generation purges it as overtaken": [
        "shared/application/src/admission.rs":
            "    if published {\n        return"
            => "    if published && owed {\n        return",
    ];
    "the sweeper's pauses do not grow", "a long queue is flooded with restarts": [
        "shared/application/src/stalled_documents.rs":
            "let pause_ms = pause_ms << claim.attempt.saturating_sub(1).min(DOUBLINGS_MAX);"
            => "let pause_ms = pause_ms << claim.attempt.min(0).min(DOUBLINGS_MAX);",
    ];
    "published contents are orphans", "the sweeper removes the content of the generation that queries see": [
        "shared/application/src/commands/sweep.rs":
            "                || document.published.is_some_and(|published| published.upload_id == upload)\n"
            => "                || document.published.is_some_and(|published| published.upload_id < upload)\n",
    ];
    "If-Match is not looked at", "a replacement takes place on whatever version there is": [
        "shared/application/src/commands/accept_content.rs":
            "context.if_version = plan.if_version.or(claim.map(|_| current.version));"
            => "context.if_version = claim.map(|_| current.version);",
    ];
    "a key is good for any target", "the fingerprint leaves out which document is replaced": [
        "shared/application/src/commands/accept_content.rs":
            "let target = if plan.replaces { plan.key.document_id.to_string() } else { \"new\".into() };"
            => "let target = if plan.replaces { \"old\".to_string() } else { \"new\".into() };",
    ];
    "any bytes are taken for an upload", "what comes in need not have the announced hash": [
        "shared/application/src/commands/receive_upload.rs":
            "if self.seen == self.size.get() && sha256 == self.sha256 {"
            => "if self.seen == self.size.get() || sha256 == self.sha256 {",
    ];
    "a failed content cannot be uploaded again", "the same content is taken for the current one though that failed": [
        "shared/domain/src/document/decide.rs":
            "if alive && document.has_content(&content) {"
            => "if document.has_content(&content) {",
    ];
    "cancelling is too late once chunks are embedded", "a cancellation is acknowledged and does nothing": [
        "shared/domain/src/document/decide.rs":
            "Ok(vec![IngestionCancelled { generation: document.generation, stage: document.stage }.into()])"
            => "Ok(if document.stage == Stage::Embed { vec![] } else { vec![IngestionCancelled { generation: document.generation, stage: document.stage }.into()] })",
    ];
    "purges of a deletion are recorded again", "neither saga nor document looks whether the index was purged": [
        "shared/domain/src/document/decide.rs":
            "None => document.deletion.as_ref().is_some_and(|deletion| deletion.index.is_none()),"
            => "None => document.deletion.as_ref().is_some_and(|deletion| deletion.receipt.is_none()),",
        "shared/application/src/sagas/purge_document.rs":
            "if document.deletion.as_ref().is_some_and(|deletion| deletion.index.is_none()) {"
            => "if document.deletion.as_ref().is_some_and(|deletion| deletion.receipt.is_none()) {",
    ];
    "snapshots leave purges out", "a document that is loaded by its snapshot is owed nothing": [
        "shared/application/src/documents.rs":
            "snapshot: due.then(|| Box::new(document.clone())),"
            => "snapshot: due.then(|| Box::new(Document { residue: Vec::new(), retries: 0, ..document.clone() })),",
    ];
    "workers lose the correlation id", "events of a worker carry an id of their own": [
        "shared/application/src/commands/embed_chunks.rs":
            "let context = Context::of(&delivery.job.trace).completing(claim, \"embedded\");"
            => "let trace = millrace_domain::Trace { correlation_id: self.ids.correlation_id(), ..delivery.job.trace.clone() };\n        let context = Context::of(&trace).completing(claim, \"embedded\");",
    ];
    "a list's next page begins one too late", "a page's cursor is the document after its last": [
        "shared/adapters-local/src/sqlite_read_model.rs":
            "    views.truncate(limit);\n    let next ="
            => "    let next =",
        "shared/adapters-local/src/sqlite_read_model.rs":
            "map(|view| view.key.document_id);\n    Ok(Page"
            => "map(|view| view.key.document_id);\n    views.truncate(limit);\n    Ok(Page",
    ];
    "searches find other metadata", "the filter by metadata is left out": [
        "shared/adapters-local/src/search/filter.rs":
            "            && self.filter.has_pairs(&entry.about().metadata)"
            => "            && (self.filter.has_pairs(&entry.about().metadata) || !entry.about().filename.is_empty())",
    ];
    "the cache knows no tenants", "a tenant gets vectors that another one paid for": [
        "shared/adapters-local/src/sqlite_embedding_cache.rs":
            "Sha256::new().chain_update(tenant.as_str()).chain_update([0])"
            => "Sha256::new().chain_update([0])",
        "shared/adapters-local/src/sqlite_embedding_cache.rs":
            "SELECT vector FROM cached_vectors WHERE key = ?1 AND tenant = ?2 AND hash = ?3 AND model = ?4"
            => "SELECT vector FROM cached_vectors WHERE key = ?1 AND ?2 = ?2 AND hash = ?3 AND model = ?4",
    ];
    "a receipt without reading back", "nobody looks whether anything is left before the receipt": [
        "shared/application/src/sagas/purge_document.rs":
            "        self.verify(key, &document).await?;\n"
            => "",
    ];
    "re-embedding: verification leaves out the last page", "a step with more to see ends as if it had seen all": [
        "shared/application/src/sagas/advance_reembeddings.rs":
            "if done == ids.len() && ids.len() < self.policy.page {"
            => "if done == ids.len() && (ids.len() < self.policy.page || step == ReembeddingStepName::Verify) {",
    ];
    "re-embedding: switches without verification", "the step between settling and the switch is left out": [
        "shared/domain/src/collection/transitions.rs":
            "ReembeddingStepName::SettleWriters => Some(ReembeddingStepName::Verify),"
            => "ReembeddingStepName::SettleWriters => Some(ReembeddingStepName::Switch),",
    ];
    "re-embedding: a space's number is used twice", "a further move builds where an abandoned one did": [
        "shared/domain/src/collection/transitions.rs":
            "IndexSpace::new(self.last_space().get() + 1)"
            => "IndexSpace::new(self.space.get() + 1)",
    ];
    "re-embedding: compensation drops the old space", "what searches use is removed when a move is stopped": [
        "shared/application/src/sagas/advance_reembeddings.rs":
            "drop_visit(spaces.drop_from(&key, collection, saga.to.space).await?)"
            => "drop_visit(spaces.drop_from(&key, collection, saga.from.space).await?)",
    ];
    "re-embedding: workers do not write into what is built", "only the saga's own jobs fill the new space": [
        "shared/domain/src/collection/record.rs":
            "self.building().cloned().into_iter().chain([self.current()]).collect()"
            => "self.building().cloned().into_iter().take(0).chain([self.current()]).collect()",
    ];
}
