//! Calls that do several things break off in the middle, when the weather says so: how many are done, and the error.

use std::sync::Arc;

use millrace_ports::{ErrorKind, PortError};

use crate::label::Aspect;
use crate::scheduler::Scheduler;

/// Asks the weather about the current call.
#[derive(Debug, Clone)]
pub(crate) struct Parting(pub(crate) Arc<Scheduler>);

impl Parting {
    /// Whether a call that does `count` things breaks off: after how many, and with which error.
    pub(crate) fn of(&self, name: &'static str, count: usize) -> Option<(usize, PortError)> {
        let place = self.0.place(Aspect::Part)?;
        let mishap = self.0.weather.part(place, self.0.now())?;
        self.0.strike(place, name, mishap);
        Some((count / 2, PortError::caused(ErrorKind::Unavailable, name, "it broke off in the middle")))
    }
}
