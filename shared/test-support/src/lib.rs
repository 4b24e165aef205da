//! What tests share: a behaviour suite for each port, a clock and ids under control, fault decorators, builders and
//! strategies. Every adapter runs the suites of its ports; what only one adapter promises is tested beside that adapter.

pub mod api_key_store_suite;
pub mod blob_store_suite;
pub mod builders;
pub mod collection_store_suite;
pub mod dead_letter_suite;
pub mod embedding_cache_suite;
pub mod event_bus_suite;
pub mod event_store_suite;
mod fault_plan;
mod faulty_blob_store;
mod faulty_collection_store;
mod faulty_embedding_cache;
mod faulty_event_bus;
mod faulty_event_store;
mod faulty_job_ledger;
mod faulty_job_queue;
mod faulty_read_model;
mod faulty_search_index;
mod faulty_upload_urls;
pub mod index_space_suite;
pub mod job_ledger_suite;
pub mod job_queue_suite;
pub mod read_model_suite;
pub mod search_index_suite;
mod sim_clock;
pub mod strategies;
pub mod upload_urls_suite;
mod word_tokenizer;

pub use builders::Story;
pub use fault_plan::{Director, Fault, FaultPlan, Fired};
pub use faulty_blob_store::FaultyBlobStore;
pub use faulty_collection_store::FaultyCollectionStore;
pub use faulty_embedding_cache::FaultyEmbeddingCache;
pub use faulty_event_bus::FaultyEventBus;
pub use faulty_event_store::FaultyEventStore;
pub use faulty_job_ledger::FaultyJobLedger;
pub use faulty_job_queue::FaultyJobQueue;
pub use faulty_read_model::FaultyReadModel;
pub use faulty_search_index::FaultySearchIndex;
pub use faulty_upload_urls::FaultyUploadUrls;
pub use sim_clock::{SIM_START, SeededIds, SimClock, split_mix};
pub use word_tokenizer::WordTokenizer;

/// Makes a test of each case of a suite. The suites' own macros call it; the crate that uses them needs tokio.
#[doc(hidden)]
#[macro_export]
macro_rules! suite_cases {
    ($suite:ident, $fixture:path, [$($case:ident),+ $(,)?]) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::$suite::$case(&$fixture().await).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    /// A case that is missing from its suite's list would never run.
    #[test]
    fn every_case_is_in_the_list_of_its_suite() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut cases = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            if !path.file_stem().unwrap().to_str().unwrap().ends_with("_suite") {
                continue;
            }
            for line in source.lines() {
                let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
                let case = rest.split('(').next().unwrap();
                let listed = source.contains(&format!("{case},"));
                assert!(listed, "{case} is not listed in {}", path.display());
                cases += 1;
            }
        }
        assert!(cases > 60, "only {cases} cases were found");
    }
}
