//! Which jobs a document's state calls for. Follow-on jobs, repeats of an applied step and the sweeper all use this
//! one function, so a job that was lost is always found again from the history.

use super::{Document, Status};
use crate::{BatchIndex, Job, Stage};

impl Document {
    /// The jobs that must be on a queue, or have been done, for the document to settle.
    pub fn owed_jobs(&self) -> Vec<Job> {
        let generation = self.generation;
        let mut jobs = match (self.status, self.stage) {
            (Status::Deleting, _) => vec![Job::PurgeDocument {}],
            (Status::Processing, Stage::Extract | Stage::Chunk) => vec![Job::IngestDocument { generation }],
            (Status::Processing, Stage::Embed) => {
                self.missing_batches().map(|batch| Job::EmbedChunks { generation, batch }).collect()
            }
            (Status::Processing, Stage::Complete)
            | (Status::Ready | Status::Failed | Status::Cancelled | Status::Deleted, _) => vec![],
        };
        jobs.extend(
            self.residue.iter().map(|residue| Job::PurgeGeneration { generation: residue.generation }),
        );
        jobs
    }

    fn missing_batches(&self) -> impl Iterator<Item = BatchIndex> {
        let batches = self.plan.map_or(0, |plan| plan.batches());
        (0..batches).map(BatchIndex::new).filter(|batch| !self.embedded_batches.contains(*batch))
    }
}
