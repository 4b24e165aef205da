//! Names of what goes on in a run, stable enough that a fault can be left out and the others still be found: a task by its
//! kind and number, a call by its number within its task.

use std::fmt;

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A request to the API; the number says which client's which operation and which try.
    Request,
    /// An invocation of chunk-worker.
    Ingest,
    /// An invocation of embed-worker.
    Embed,
    /// An invocation of the sweeper by its queue.
    Purge,
    /// An invocation of the projector.
    Projector,
    /// An invocation of upload-completer.
    Uploads,
    /// An invocation of the event-relay.
    Relay,
    /// An invocation of the sweeper by the schedule.
    Sweep,
    /// The surroundings: outages, the machine itself.
    World,
}

/// A task's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
}

/// At which point of a call something may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Aspect {
    /// Before its effect.
    Before,
    /// After its effect.
    After,
    /// In the middle of its effect, where it has several parts.
    Part,
    /// What becomes of one message of several.
    Message(u32),
    /// What becomes of an invocation as a whole.
    Whole,
}

/// Where a fault sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultPlace {
    pub(crate) label: Label,
    pub(crate) call: u64,
    pub(crate) aspect: Aspect,
}

impl Label {
    pub(crate) const fn new(kind: Kind, number: u64) -> Self {
        Self { kind, number }
    }

    /// As a name for `Chance`.
    pub(crate) fn words(self) -> [u64; 2] {
        [self.kind as u64, self.number]
    }
}

impl FaultPlace {
    /// As a name for `Chance`.
    pub(crate) fn words(self) -> [u64; 4] {
        let [kind, number] = self.label.words();
        let aspect = match self.aspect {
            Aspect::Before => 0,
            Aspect::After => 1,
            Aspect::Part => 2,
            Aspect::Whole => 3,
            Aspect::Message(at) => 4 + u64::from(at),
        };
        [kind, number, self.call, aspect]
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Request => "request",
            Kind::Ingest => "ingest",
            Kind::Embed => "embed",
            Kind::Purge => "purge",
            Kind::Projector => "projector",
            Kind::Uploads => "uploads",
            Kind::Relay => "relay",
            Kind::Sweep => "sweep",
            Kind::World => "world",
        };
        write!(f, "{kind}-{}", self.number)
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} call {}", self.label, self.call)
    }
}
