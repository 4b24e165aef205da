//! Runs a number of mutated inputs through a target and collects what was wrong. An input that broke a promise is kept
//! in a file, named after the seed and the number that make it again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use crate::random::Random;
use crate::targets::{Input, Target, Verdict};

/// A run of one target.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// From which every input follows.
    pub seed: u64,
    /// The number of the first input.
    pub first: u64,
    /// How many inputs.
    pub inputs: u64,
    /// When to end before that, if not all were run by then.
    pub until: Option<Instant>,
    /// Where inputs that broke a promise are kept.
    pub kept_in: PathBuf,
}

/// An input that broke a promise, or came close to it.
#[derive(Debug)]
pub struct Finding {
    /// What was wrong.
    pub reason: String,
    /// Where the input lies.
    pub path: PathBuf,
    /// Its number in the run.
    pub index: u64,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many inputs ended in which way.
    pub outcomes: BTreeMap<String, u64>,
    /// Promises broken.
    pub broken: Vec<Finding>,
    /// Contained, but worth a look: a crash of a library's parser, a time limit reached.
    pub suspicious: Vec<Finding>,
    /// The most memory that a child had resident.
    pub peak_bytes: u64,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes: Vec<_> = self.outcomes.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "{}", outcomes.join(", "))?;
        if self.peak_bytes > 0 {
            write!(f, "; most memory of a child {} MiB", self.peak_bytes >> 20)?;
        }
        for (label, findings) in [("contained", &self.suspicious), ("BROKEN", &self.broken)] {
            for finding in findings {
                write!(
                    f,
                    "\n    {label}: input {}: {}, kept as {}",
                    finding.index,
                    finding.reason,
                    finding.path.display()
                )?;
            }
        }
        Ok(())
    }
}

impl Campaign {
    /// Runs the inputs one after the other. What the target finds broken does not stop the run.
    ///
    /// # Errors
    /// If an input cannot be kept.
    pub async fn run(&self, target: &dyn Target) -> anyhow::Result<Findings> {
        let mut findings = Findings::default();
        for index in self.first..self.first.saturating_add(self.inputs) {
            if self.until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            let input = target.input(&mut Random::new(self.seed, index));
            let judged = target.judge(&input).await;
            *findings.outcomes.entry(judged.outcome).or_default() += 1;
            findings.peak_bytes = findings.peak_bytes.max(judged.peak_bytes.unwrap_or(0));
            match judged.verdict {
                Verdict::Fine => {}
                Verdict::Suspicious(reason) => {
                    findings.suspicious.push(self.keep(target.name(), index, &input, reason)?);
                }
                Verdict::Broken(reason) => {
                    findings.broken.push(self.keep(target.name(), index, &input, reason)?);
                }
            }
        }
        Ok(findings)
    }

    fn keep(&self, target: &str, index: u64, input: &Input, reason: String) -> anyhow::Result<Finding> {
        std::fs::create_dir_all(&self.kept_in)?;
        let path = self.kept_in.join(format!("{target}-{:x}-{index}-{}", self.seed, input.name));
        std::fs::write(&path, &input.bytes)?;
        Ok(Finding { reason, path, index })
    }
}
