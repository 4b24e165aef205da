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
            "if new.chunks < old.chunks || new.vectors < old.vectors {" => "if new.chunks < old.chunks && new.vectors > old.vectors {",
    ];
    "re-embedding: the model does not switch with the space", "searches ask the new space with a vector of the old model": [
        "shared/domain/src/collection/transitions.rs":
            "(self.space, self.model, self.dimensions) =\n                    (saga.to.space, saga.to.model.clone(), saga.to.dimensions);" => "self.space = saga.to.space;",
    ];
    "re-embedding: stragglers leave what they wrote", "nobody tidies up where nobody writes any more": [
        "shared/application/src/index_spaces.rs": "        for space in unused {" => "        for space in unused.take(0) {",
    ];
}
