//! The simulation of the whole of Millrace: the real use cases and handlers over the local adapters in memory, with time,
//! scheduling, ids and faults from one seed. A witness beside them knows by itself what guarantees G1 to G9 demand.
//!
//! `run` is one run of one seed; `weather` and `squall` what goes wrong in it, `scheduler` who is next, `clients` what is asked,
//! `witness` what must hold. `shrink` finds the few faults that a failure needs. What is deliberately absent: threads, the
//! clock and the randomness of the machine, the network, the parsers and the model.

mod chance;
mod clients;
mod contents;
mod dead_letters;
mod event_sources;
mod label;
mod operation;
mod operator;
mod parting;
mod ports;
mod reading;
mod report;
mod run;
mod scheduler;
mod seeds;
mod settling;
mod shrink;
mod squall;
mod trace;
mod weather;
mod witness;
mod world;

pub use label::FaultPlace;
pub use report::Report;
pub use run::{Options, Outcome, run};
pub use seeds::{KeptSeed, kept_seeds};
pub use settling::SETTLE_MS_MAX;
pub use shrink::shrink;
pub use weather::Struck;
pub use witness::Violation;
