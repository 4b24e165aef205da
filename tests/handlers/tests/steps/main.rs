//! Handlers and steps over the whole of Millrace in memory: what each sample invocation leads to, and what happens when
//! messages come twice, late, or to a worker that dies. Time passes only when a test says so.
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which the lint does not recognise as such")]

mod prose;
mod queue_samples;

mod chunk_worker_samples;
mod embed_worker_samples;
mod event_relay_samples;
mod projector_samples;
mod sweeper_samples;
mod upload_completer_samples;

mod collection_model;
mod collection_moves;
mod collection_moves_faults;
mod crash_at_every_call;
mod dead_letters;
mod duplicates;
mod embedding_cache;
mod idempotency;
mod last_attempts;
mod lost_leases;
mod lost_messages;
mod queue_away;
mod recorded_attempts;
mod search_across_a_switch;
mod stalled_documents;
mod stopped_in_flight;
mod uploads_by_url;
mod waiting;
