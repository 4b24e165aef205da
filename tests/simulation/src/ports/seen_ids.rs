//! Ids of which the witness learns those that link an event to what caused it: a request makes one, and so does a sweep for
//! what it restarts; whoever works on their behalf passes it on.

use std::sync::Arc;

use millrace_domain::CorrelationId;
use millrace_ports::IdGenerator;
use millrace_test_support::SeededIds;
use uuid::Uuid;

use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenIds {
    inner: SeededIds,
    witness: Arc<Witness>,
}

impl SeenIds {
    pub(crate) fn new(inner: SeededIds, witness: Arc<Witness>) -> Self {
        Self { inner, witness }
    }
}

impl IdGenerator for SeenIds {
    fn uuid(&self) -> Uuid {
        self.inner.uuid()
    }

    fn correlation_id(&self) -> CorrelationId {
        let id = self.inner.correlation_id();
        self.witness.correlates(id);
        id
    }
}
