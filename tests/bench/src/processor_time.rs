//! The processor time of a process, by the names of its threads, from `/proc`. Unlike elapsed time it hardly changes
//! when other programs want the same cores. Linux only; elsewhere all is 0. Threads that ended are not counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Ticks a second in `/proc/PID/stat`; Linux shows user space this number whatever the kernel's own is.
const TICKS_PER_SECOND: u32 = 100;
/// The name under which children that ended are counted.
pub(crate) const CHILDREN: &str = "children";

/// Processor time by thread name, of all threads of that name together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProcessorTime(BTreeMap<String, Duration>);

impl ProcessorTime {
    /// So far, of a process and the children it has waited for.
    pub(crate) fn of(process_id: u32) -> Self {
        let process = Path::new("/proc").join(process_id.to_string());
        let mut times: BTreeMap<String, Duration> = BTreeMap::new();
        for task in std::fs::read_dir(process.join("task")).into_iter().flatten().flatten() {
            if let (Some(name), Some(time)) = (name_of(&task.path()), running_time(&task.path())) {
                *times.entry(name).or_default() += time;
            }
        }
        times.insert(CHILDREN.to_owned(), children_time(&process).unwrap_or_default());
        Self(times)
    }

    /// What was added since an earlier look.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let added = |(name, time): (&String, &Duration)| {
            let before = earlier.0.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        };
        Self(self.0.iter().map(added).collect())
    }

    pub(crate) fn total(&self) -> Duration {
        self.0.values().sum()
    }

    /// Of the threads whose name begins so.
    pub(crate) fn of_threads(&self, prefix: &str) -> Duration {
        self.0.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, time)| *time).sum()
    }

    /// Names and times, the largest first.
    pub(crate) fn by_size(&self) -> Vec<(&str, Duration)> {
        let mut all: Vec<_> = self.0.iter().map(|(name, time)| (name.as_str(), *time)).collect();
        all.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        all
    }
}

/// A thread's name, which Linux cuts to 15 bytes, without the number that tells threads of a pool apart.
fn name_of(task: &Path) -> Option<String> {
    let name = std::fs::read_to_string(task.join("comm")).ok()?;
    let pool = name.trim_end().trim_end_matches(|character: char| character.is_ascii_digit());
    Some(pool.trim_end_matches('-').to_owned())
}

/// Nanoseconds on a processor, the first number of `schedstat`.
fn running_time(task: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// User and system time of the children that were waited for: fields 16 and 17.
fn children_time(process: &Path) -> Option<Duration> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs(user + system) / TICKS_PER_SECOND)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sees_the_threads_of_this_process() {
        let before = ProcessorTime::of(std::process::id());
        let (ready, wait) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            let busy = || {
                std::hint::black_box((0..10_000_000_u64).fold(0, |sum, n| sum ^ std::hint::black_box(n)));
                ready.wait();
                wait.wait();
            };
            std::thread::Builder::new().name("bench-busy".into()).spawn_scoped(scope, busy).unwrap();
            ready.wait();
            let spent = ProcessorTime::of(std::process::id()).since(&before);
            wait.wait();
            assert!(spent.of_threads("bench-busy") > Duration::ZERO);
            assert!(spent.total() >= spent.of_threads("bench-busy"));
        });
    }
}
