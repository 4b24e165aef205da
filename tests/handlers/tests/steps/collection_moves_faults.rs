//! The saga's slices and the workers' steps fail or die at every port call of a move in turn, before the effect and after it.
//! Whatever the call, the move comes to the same end, nothing is left in the other space, and at no call do searches miss
//! anything.

use std::pin::pin;

use handlers::World;
use millrace_domain::{CollectionName, DocumentKey, ReembeddingStatus};
use millrace_ports::IndexUsage;
use millrace_test_support::Fault;
use millrace_test_support::builders::{tenant, trace};
use tokio::task::unconstrained;

use crate::prose::prose;

/// What happens beside the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Another document is deleted right after its start.
    Deletion,
    /// It is aborted after its first slice.
    Abort,
}

/// How it ended.
#[derive(Debug, PartialEq)]
struct End {
    status: ReembeddingStatus,
    model: String,
    /// Of each document, what lies in each space.
    stored: Vec<[IndexUsage; 2]>,
    hits: [usize; 2],
}

struct Move {
    world: World,
    keys: [DocumentKey; 2],
}

impl Move {
    async fn prepare(beside: Beside) -> Self {
        let world = World::new().await;
        let keys = [world.ready(&prose("ferry", 9)).await, world.ready(&prose("lighthouse", 3)).await];
        world.start_moving().await;
        if beside == Beside::Deletion {
            world.delete.run(&keys[1], None, &trace(&*world.ids)).await.unwrap();
        }
        Self { world, keys }
    }

    async fn end(&self) -> End {
        let world = &self.world;
        let ended = world.moved().await;
        let mut stored = Vec::new();
        for key in &self.keys {
            world.check_history(key).await;
            assert!(!world.document(key).await.is_unsettled());
            stored.push([world.stored_in(key, 0).await, world.stored_in(key, 1).await]);
        }
        End {
            status: ended.status(),
            model: world.collection().await.model.to_string(),
            stored,
            hits: [world.hits(&self.keys[0], "ferry").await, world.hits(&self.keys[1], "lighthouse").await],
        }
    }

    async fn run(beside: Beside, faults: &[(usize, Fault)]) -> (Self, End) {
        let running = async {
            let this = Self::prepare(beside).await;
            this.world.faults.arm(faults);
            if beside == Beside::Abort {
                this.world.move_on().await;
                let name = CollectionName::default();
                // A client whose answer was lost asks again.
                let mut aborted = false;
                for _ in 0..3 {
                    aborted |= this.world.abort_reembedding.run(&tenant("acme"), &name).await.is_ok();
                }
                assert!(aborted, "the move could not be stopped");
            }
            let end = this.end().await;
            (this, end)
        };
        unconstrained(running).await
    }
}

async fn ends_the_same(beside: Beside, fault: Fault) {
    let (calm, expected) = Move::run(beside, &[]).await;
    let calls = calm.world.faults.calls();
    let mut broken = Vec::new();
    for (number, name) in calls.iter().enumerate() {
        // Aborting is not driven by a message: whoever asked and got no answer is still there.
        if beside == Beside::Abort && matches!(fault, Fault::HaltBefore | Fault::HaltAfter) && is_client(name)
        {
            continue;
        }
        let (moved, end) = Move::run(beside, &[(number, fault)]).await;
        if end != expected {
            broken.push(format!("{:?}: {end:?}", moved.world.faults.fired()));
        }
    }
    assert!(broken.is_empty(), "instead of {expected:?}\n{}", broken.join("\n"));
}

/// Whether a client's request makes such a call, too.
fn is_client(name: &str) -> bool {
    matches!(name, "collection_store.get" | "collection_store.replace" | "read_model.counts")
}

#[tokio::test]
async fn a_move_survives_a_fault_at_every_call() {
    for fault in Fault::ALL {
        ends_the_same(Beside::Nothing, fault).await;
    }
}

#[tokio::test]
async fn a_move_beside_a_deletion_survives_a_fault_at_every_call() {
    for fault in [Fault::FailAfter, Fault::HaltBefore] {
        ends_the_same(Beside::Deletion, fault).await;
    }
}

#[tokio::test]
async fn an_aborted_move_survives_a_fault_at_every_call() {
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::HaltAfter] {
        ends_the_same(Beside::Abort, fault).await;
    }
}

/// The saga stands still after each of its calls, and while it does searches see all of both documents.
#[tokio::test]
async fn between_any_two_effects_searches_see_each_document_whole() {
    let (calm, _) = Move::run(Beside::Nothing, &[]).await;
    for number in 0..calm.world.faults.calls().len() {
        let this = Move::prepare(Beside::Nothing).await;
        this.world.faults.arm(&[(number, Fault::HaltAfter)]);
        let mut moving = pin!(unconstrained(this.world.moved_without_deaths()));
        if this.world.faults.until_halt(moving.as_mut()).await.is_none() {
            for (key, word) in this.keys.iter().zip(["ferry", "lighthouse"]) {
                this.world.assert_seen_whole(key, word).await;
            }
            this.world.faults.resume();
            moving.await;
        }
    }
}
