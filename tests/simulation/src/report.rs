//! What is said about a seed that failed: what broke, with which faults, and how to see it again.

use std::fmt;

use crate::run::Outcome;

/// A failed run and the same failure with fewer faults.
#[derive(Debug)]
pub struct Report<'a> {
    /// The run.
    pub failed: &'a Outcome,
    /// The same, shrunk.
    pub shrunk: &'a Outcome,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, shrunk } = self;
        writeln!(f, "seed {} broke a guarantee after {} turns:", failed.seed, failed.turns)?;
        for violation in &failed.violations {
            writeln!(f, "  {violation}")?;
        }
        writeln!(f, "of {} faults these {} suffice:", failed.struck.len(), shrunk.struck.len())?;
        for struck in &shrunk.struck {
            writeln!(f, "  {struck}")?;
        }
        writeln!(f, "then:")?;
        for violation in &shrunk.violations {
            writeln!(f, "  {violation}")?;
        }
        write!(f, "replay: MILLRACE_SEED={} cargo test -p simulation replay -- --nocapture", failed.seed)
    }
}
