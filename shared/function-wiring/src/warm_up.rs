//! Opens connections before the first invocation. Names are resolved and TLS is agreed upon while Lambda still lends the
//! function a whole processor; the first invocation would pay for that with a tenth of one. Why that is waited for, and not done
//! beside the first poll, is in docs/adr/0010-connections-opened-before-the-first-poll.md.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;
use millrace_ports::PortError;

/// What takes longer than this is not made faster by waiting: the first invocation opens it with the retries of a real call.
const TIME_MAX: Duration = Duration::from_millis(500);

/// One call that a service answers quickly and that changes nothing.
pub struct Warming<'a>(Pin<Box<dyn Future<Output = Result<(), PortError>> + Send + 'a>>);

impl std::fmt::Debug for Warming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Warming")
    }
}

impl<'a> Warming<'a> {
    /// A call whose answer does not matter.
    pub fn by<T>(call: impl Future<Output = Result<T, PortError>> + Send + 'a) -> Self {
        Self(call.map(|answer| answer.map(drop)).boxed())
    }
}

/// Makes the calls, all at once, and gives up after half a second. What fails here fails again where it matters.
pub async fn warm_up(calls: Vec<Warming<'_>>) {
    let calls = join_all(calls.into_iter().map(|call| call.0));
    let begun = Instant::now();
    match tokio::time::timeout(TIME_MAX, calls).await {
        Ok(answers) => {
            for error in answers.into_iter().filter_map(Result::err) {
                tracing::debug!(%error, "connection warmed by a refusal");
            }
            let duration_ms = begun.elapsed().as_secs_f64() * 1_000.0;
            tracing::info!(duration_ms, "connections opened");
        }
        Err(_) => tracing::warn!("connections are slow to open, starting without them"),
    }
}

#[cfg(test)]
mod tests {
    use millrace_ports::ErrorKind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn neither_a_refusal_nor_a_silent_service_keeps_a_function_from_starting() {
        let refused = async { Err::<(), _>(PortError::new(ErrorKind::NotFound, "read nothing")) };
        warm_up(vec![Warming::by(refused), Warming::by(std::future::pending::<Result<(), _>>())]).await;
    }
}
