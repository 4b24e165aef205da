//! A worker fails or dies at every port call of its work in turn, before its effect and after it. Whatever the call, the
//! messages alone bring the document to the same end: the same history, the same entries, nothing left over.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use handlers::{Leftovers, World};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;
use tokio::task::unconstrained;

use crate::prose::prose;

/// What the workers are about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Ingest,
    Replace,
    Cancel,
    Delete,
    Reject,
    Upload,
    UploadNext,
}

/// How it ended, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct End {
    status: Status,
    essence: Vec<String>,
    stored: Leftovers,
    hits: [usize; 2],
    dead_letters: usize,
}

impl Work {
    /// Brings a document to where the work waits on a queue.
    async fn prepare(self, world: &World) -> DocumentKey {
        match self {
            Self::Ingest => world.upload(&prose("ferry", 9)).await,
            Self::Reject => world.upload("\u{0}\u{1}\u{2}not a text\u{0}").await,
            Self::Replace => {
                let key = world.ready(&prose("ferry", 9)).await;
                world.replace(&key, &prose("lighthouse", 7)).await;
                key
            }
            Self::Upload => world.put_by_url(&prose("ferry", 9), None).await.key,
            Self::UploadNext => {
                let key = world.ready(&prose("ferry", 9)).await;
                let replaced = world.replaced(&key).await;
                world.put_by_url(&prose("lighthouse", 7), Some(replaced)).await.key
            }
            Self::Cancel => {
                let key = world.upload(&prose("ferry", 9)).await;
                world.relay().await;
                world.deliver(QueueName::Ingest, 1).await;
                world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
                key
            }
            Self::Delete => {
                let key = world.ready(&prose("ferry", 9)).await;
                world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
                key
            }
        }
    }

    /// Does the work with these faults. Gives the world too, for what it counted. Without the runtime's forced pauses,
    /// since with them the order of calls depends on how many there were before.
    async fn run(self, faults: &[(usize, Fault)]) -> (World, End) {
        unconstrained(self.run_at_once(faults)).await
    }

    async fn run_at_once(self, faults: &[(usize, Fault)]) -> (World, End) {
        let world = World::new().await;
        let key = self.prepare(&world).await;
        world.faults.arm(faults);
        world.settle().await;
        world.check_history(&key).await;
        let document = world.document(&key).await;
        assert!(!document.is_unsettled(), "work is still owed: {:?}", document.owed_jobs());
        let view = world.behind.views.get(&key).await.unwrap().map(|view| view.document);
        assert_eq!(view, Some(document.clone()), "the list is not up to date");
        let mut dead_letters = 0;
        for queue in QueueName::ALL {
            dead_letters += world.dead_letters(queue).await.len();
        }
        let end = End {
            status: document.status,
            essence: world.essence(&key).await,
            stored: world.stored(&key, None).await,
            hits: [world.hits(&key, "ferry").await, world.hits(&key, "lighthouse").await],
            dead_letters,
        };
        (world, end)
    }

    /// Holds that the end is the same whichever of these sets of faults happens. A set is made from the number of a call;
    /// numbers are tried until a set no longer fires whole.
    async fn ends_the_same(self, faults: impl Fn(usize) -> Vec<(usize, Fault)>) -> usize {
        let (calm, expected) = self.run(&[]).await;
        let calls = calm.faults.calls();
        assert!(calls.len() > 10, "{self:?} makes only {} calls", calls.len());
        let mut broken = Vec::new();
        for number in 0..calls.len() {
            let plan = faults(number);
            let ended = AssertUnwindSafe(self.run(&plan)).catch_unwind().await;
            let name = calls[number];
            match ended {
                Err(_) => broken.push(format!("{plan:?} {name}: see the panic above")),
                Ok((world, end)) if end != expected => {
                    broken.push(format!("{:?}\n    {}", world.faults.fired(), difference(&end, &expected)));
                }
                Ok((world, _)) => {
                    let made = world.faults.calls();
                    assert!(
                        !world.faults.fired().is_empty(),
                        "{plan:?} did not fire: {made:?}\nexpected {calls:?}"
                    );
                }
            }
        }
        assert!(broken.is_empty(), "{self:?} ends otherwise after\n{}", broken.join("\n"));
        calls.len()
    }
}

fn difference(end: &End, expected: &End) -> String {
    let only = |some: &End, others: &End| {
        let all = some.essence.iter().filter(|event| !others.essence.contains(event));
        all.cloned().collect::<Vec<_>>().join("; ")
    };
    let rest = |end: &End| format!("{} {:?} {:?} {}", end.status, end.stored, end.hits, end.dead_letters);
    format!(
        "{}, {} events instead of {}, {} events; extra: [{}]; missing: [{}]",
        rest(end),
        end.essence.len(),
        rest(expected),
        expected.essence.len(),
        only(end, expected),
        only(expected, end)
    )
}

/// One fault of each kind at each call.
macro_rules! one_fault {
    ($name:ident, $work:ident) => {
        #[tokio::test]
        async fn $name() {
            for fault in Fault::ALL {
                Work::$work.ends_the_same(|number| vec![(number, fault)]).await;
            }
        }
    };
}

one_fault!(ingesting_survives_a_fault_at_every_call, Ingest);
one_fault!(replacing_survives_a_fault_at_every_call, Replace);
one_fault!(cancelling_survives_a_fault_at_every_call, Cancel);
one_fault!(deleting_survives_a_fault_at_every_call, Delete);
one_fault!(rejecting_survives_a_fault_at_every_call, Reject);
one_fault!(an_upload_by_url_survives_a_fault_at_every_call, Upload);
one_fault!(a_next_generation_by_url_survives_a_fault_at_every_call, UploadNext);

/// A worker that meets a failure and then dies while it deals with it, or whose successor does.
#[tokio::test]
async fn a_failure_and_a_death_soon_after_it_leave_no_trace() {
    for distance in 1..=6 {
        let faults = |number| vec![(number, Fault::FailBefore), (number + distance, Fault::HaltAfter)];
        Work::Ingest.ends_the_same(faults).await;
        Work::Delete.ends_the_same(faults).await;
    }
}

#[tokio::test]
async fn the_same_work_makes_the_same_calls() {
    let (one, same) = (Work::Ingest.run(&[]).await, Work::Ingest.run(&[]).await);
    assert_eq!(one.0.faults.calls(), same.0.faults.calls());
    assert_eq!(one.1, same.1);
    assert_eq!(one.1.status, Status::Ready);
    assert_eq!(one.1.stored.chunks, one.1.stored.vectors);
}
