//! A request's body as a stream that outlives the request. Why a body broke, and what is left of it, is told beside the
//! stream, because what comes out of the use case at its other end is only that storing did not succeed. The bound on a
//! content's size is the blob store's, which counts anyway.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use millrace_ports::ByteStream;
use tokio::time::Instant;

use crate::problem::{Problem, ProblemCode};

/// How much of a refused body is read and thrown away, so that a client that is still sending comes to read the answer
/// instead of finding its connection closed.
const LINGER_BYTES_MAX: usize = 32 << 20;
/// How long that may take.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);
/// What a body must bring for each second that it keeps us waiting, beyond the silences it may begin with. A byte now and
/// then would otherwise hold a connection for as long as the client likes.
const BYTES_PER_SECOND_MIN: u64 = 1024;
/// So many silences of full length a body may begin with.
const SILENCES_AT_FIRST: u32 = 2;

/// What became of a body; shared between the stream and whoever answers.
#[derive(Clone, Default)]
pub(crate) struct BodyOutcome(Arc<Mutex<Outcome>>);

#[derive(Default)]
struct Outcome {
    problem: Option<Problem>,
    was_read: bool,
    rest: Option<BodyDataStream>,
}

impl std::fmt::Debug for BodyOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyOutcome").field("problem", &self.lock().problem).finish_non_exhaustive()
    }
}

impl BodyOutcome {
    /// Notes why the body is refused; the first reason stands. The error is for the stream.
    pub(crate) fn refuse(&self, problem: Problem) -> io::Error {
        self.lock().problem.get_or_insert(problem);
        io::Error::other("request body refused")
    }

    /// Why the body was refused, if it was.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.lock().problem.take()
    }

    /// Reads and discards what is left, within bounds. A client that waits for `100 Continue` before it sends needs that
    /// no more than it gets it: reading would make the server ask for the body.
    pub(crate) async fn linger(&self, waits_for_continue: bool) {
        let rest = {
            let mut outcome = self.lock();
            if waits_for_continue && !outcome.was_read {
                return;
            }
            outcome.rest.take()
        };
        let Some(mut rest) = rest else { return };
        let discard = async {
            let mut discarded = 0;
            while let Some(Ok(block)) = rest.next().await {
                discarded += block.len();
                if discarded > LINGER_BYTES_MAX {
                    break;
                }
            }
        };
        // However it ends, the answer is sent next.
        let _ = tokio::time::timeout(LINGER_TIME_MAX, discard).await;
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the body back when the stream is dropped before its end.
struct Source {
    body: Option<BodyDataStream>,
    outcome: BodyOutcome,
    received_bytes: u64,
    /// Time spent waiting for the client; what storing took is not its fault.
    waited: Duration,
}

impl Source {
    /// How long the next block is waited for.
    fn patience(&self, silence_max: Duration) -> Duration {
        let earned = Duration::from_secs(self.received_bytes / BYTES_PER_SECOND_MIN);
        (silence_max * SILENCES_AT_FIRST + earned).saturating_sub(self.waited).min(silence_max)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.outcome.lock().rest = self.body.take();
    }
}

/// The body's blocks as they arrive.
pub(crate) fn stream_of(body: Body, outcome: &BodyOutcome, silence_max: Duration) -> ByteStream {
    let body = Some(body.into_data_stream());
    let source = Source { body, outcome: outcome.clone(), received_bytes: 0, waited: Duration::ZERO };
    stream::try_unfold(source, move |mut source| async move {
        let block = next_block(&mut source, silence_max).await?;
        Ok(block.map(|block| (block, source)))
    })
    .boxed()
}

async fn next_block(source: &mut Source, silence_max: Duration) -> io::Result<Option<Bytes>> {
    source.outcome.lock().was_read = true;
    let patience = source.patience(silence_max);
    let Some(body) = source.body.as_mut() else { return Ok(None) };
    let began = Instant::now();
    let next = tokio::time::timeout(patience, body.next()).await;
    source.waited += began.elapsed();
    match next {
        Ok(Some(Ok(block))) => {
            source.received_bytes += block.len() as u64;
            Ok(Some(block))
        }
        Ok(None) => {
            source.body = None;
            Ok(None)
        }
        Ok(Some(Err(error))) => {
            source.body = None;
            tracing::debug!(%error, "request body broke off");
            let detail = "the body broke off before its end: send it again";
            Err(source.outcome.refuse(Problem::new(ProblemCode::IncompleteBody, detail)))
        }
        Err(_) => {
            source.body = None;
            let detail = if patience < silence_max {
                format!("the body came more slowly than {BYTES_PER_SECOND_MIN} bytes a second: send it again")
            } else {
                format!("no more of the body came for {} seconds: send it again", silence_max.as_secs())
            };
            Err(source.outcome.refuse(Problem::new(ProblemCode::BodyTimedOut, detail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE_MAX: Duration = Duration::from_secs(30);

    fn blocks(number: usize) -> Body {
        Body::from_stream(stream::iter((0..number).map(|_| Ok::<_, io::Error>(Bytes::from_static(b"block")))))
    }

    #[tokio::test]
    async fn a_body_streams_to_its_end() {
        let outcome = BodyOutcome::default();
        let read: Vec<_> = stream_of(blocks(3), &outcome, SILENCE_MAX).collect().await;
        assert_eq!(read.len(), 3);
        assert!(outcome.problem().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_sender_is_given_up() {
        let outcome = BodyOutcome::default();
        let silent = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let mut stream = stream_of(silent, &outcome, SILENCE_MAX);
        assert!(stream.next().await.unwrap().is_err());
        assert_eq!(outcome.problem().unwrap().code(), ProblemCode::BodyTimedOut);
    }

    /// Blocks of so many bytes, each after so much time.
    fn trickle(bytes: usize, every: Duration, blocks: usize) -> Body {
        Body::from_stream(stream::iter(0..blocks).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>(Bytes::from(vec![b'x'; bytes]))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_only_trickles_is_given_up() {
        let began = Instant::now();
        let outcome = BodyOutcome::default();
        let trickling = trickle(1, Duration::from_secs(29), 1_000);
        let read: Vec<_> = stream_of(trickling, &outcome, SILENCE_MAX).collect().await;
        assert!(read.last().unwrap().is_err());
        assert_eq!(outcome.problem().unwrap().code(), ProblemCode::BodyTimedOut);
        assert!(began.elapsed() <= SILENCE_MAX * SILENCES_AT_FIRST, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_that_goes_on_is_heard_to_the_end() {
        let outcome = BodyOutcome::default();
        let slow = trickle(20 * 1024, Duration::from_secs(15), 100);
        let read: Vec<_> = stream_of(slow, &outcome, SILENCE_MAX).collect().await;
        assert_eq!(read.len(), 100);
        assert!(read.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_broken_body_is_the_senders_problem() {
        let outcome = BodyOutcome::default();
        let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err(io::Error::other("reset"))]);
        let read: Vec<_> = stream_of(Body::from_stream(broken), &outcome, SILENCE_MAX).collect().await;
        assert!(read[0].is_ok() && read[1].is_err());
        assert_eq!(outcome.problem().unwrap().code(), ProblemCode::IncompleteBody);
    }

    #[tokio::test]
    async fn what_is_left_of_a_refused_body_is_read_unless_nobody_sends_it() {
        let (sent, counted) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        for (waits, expected, counter) in [(false, 4, &sent), (true, 0, &counted)] {
            let counter_of_stream = Arc::clone(counter);
            let blocks = stream::iter(0..4).map(move |_| {
                *counter_of_stream.lock().unwrap() += 1;
                Ok::<_, io::Error>(Bytes::from_static(b"block"))
            });
            let outcome = BodyOutcome::default();
            drop(stream_of(Body::from_stream(blocks), &outcome, SILENCE_MAX));
            outcome.linger(waits).await;
            assert_eq!(*counter.lock().unwrap(), expected);
        }
    }
}
