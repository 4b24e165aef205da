//! A form with one file (RFC 7578), streamed: what describes the file comes before it, then the file's bytes go by, and a
//! second file, or anything else after the first, makes the stream fail before the content counts as complete.
//!
//! Deliberately absent: text parts behind the file. A document's collection must be known before its first byte is stored.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use millrace_domain::CollectionName;
use millrace_ports::ByteStream;
use multer::{Field, Multipart};
use serde_json::{Map, Value};

use super::incoming::BodyOutcome;
use crate::media_type::essence;
use crate::metadata::{self, METADATA_BYTES_MAX};
use crate::problem::{Problem, ProblemCode};

/// Most bytes of a form outside its file: boundaries, part headers, text parts.
const SURROUNDINGS_BYTES_MAX: usize = 64 * 1024;
/// Longest boundary, as RFC 2046 has it.
const BOUNDARY_BYTES_MAX: usize = 70;

/// A form, read up to the first byte of its file.
pub(crate) struct Form {
    /// From the part `collection`.
    pub(crate) collection: Option<CollectionName>,
    /// From the part `metadata`.
    pub(crate) metadata: Option<Map<String, Value>>,
    /// The headers of the part `file`.
    pub(crate) file_headers: HeaderMap,
    /// The bytes of the part `file`. Ends well only if nothing follows it.
    pub(crate) content: ByteStream,
}

/// Whether a body of this type is a form.
pub(crate) fn is_form(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case("multipart/form-data")
}

impl Form {
    /// Reads a form's text parts and finds its file.
    pub(crate) async fn read(
        content_type: &str,
        body: ByteStream,
        outcome: &BodyOutcome,
    ) -> Result<Self, Problem> {
        let boundary = multer::parse_boundary(content_type).ok();
        let boundary = boundary.filter(|boundary| (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()));
        let boundary =
            boundary.ok_or_else(|| malformed("Content-Type names no boundary of 1 to 70 characters"))?;
        let allowance = Allowance::default();
        let paced = Paced { body, rests: false, allowance: allowance.clone() };
        let mut parts =
            Parts { multipart: Multipart::new(paced, boundary), outcome: outcome.clone(), allowance };
        let (mut collection, mut metadata) = (None, None);
        while let Some(mut part) = parts.next().await? {
            match (part.name().map(str::to_owned).as_deref(), part.file_name().is_some()) {
                (Some("file"), _) => {
                    let file_headers = part.headers().clone();
                    let content = parts.into_content(part);
                    return Ok(Self { collection, metadata, file_headers, content });
                }
                (Some("collection"), false) if collection.is_none() => {
                    collection = Some(parse_collection(&parts.text(&mut part).await?)?);
                }
                (Some("metadata"), false) if metadata.is_none() => {
                    metadata = Some(metadata::parse("the part 'metadata'", &parts.text(&mut part).await?)?);
                }
                (Some(name @ ("collection" | "metadata")), _) => {
                    return Err(unexpected(&format!("the part '{name}' is given twice, or as a file")));
                }
                (name, _) => {
                    let name = name.unwrap_or_default().chars().take(64).collect::<String>();
                    return Err(unexpected(&format!(
                        "there is a part '{name}': a form has 'collection' and 'metadata', both optional, then 'file'"
                    )));
                }
            }
        }
        Err(unexpected("the form has no part 'file'"))
    }
}

/// The parts that are still to come.
struct Parts {
    multipart: Multipart<'static>,
    outcome: BodyOutcome,
    allowance: Allowance,
}

impl Parts {
    async fn next(&mut self) -> Result<Option<Field<'static>>, Problem> {
        self.multipart.next_field().await.map_err(|error| self.broken(&error))
    }

    /// A text part, whole: it is bounded.
    async fn text(&self, part: &mut Field<'static>) -> Result<Vec<u8>, Problem> {
        let mut text = Vec::new();
        while let Some(block) = part.chunk().await.map_err(|error| self.broken(&error))? {
            text.extend_from_slice(&block);
            if text.len() > METADATA_BYTES_MAX {
                let name = part.name().unwrap_or_default();
                return Err(unexpected(&format!(
                    "the part '{name}' is longer than {METADATA_BYTES_MAX} bytes"
                )));
            }
        }
        Ok(text)
    }

    /// Why reading did not go on: what the body's own stream said, or the form is malformed.
    fn broken(&self, error: &multer::Error) -> Problem {
        if self.allowance.is_spent() {
            return malformed(&format!(
                "a form may have at most {SURROUNDINGS_BYTES_MAX} bytes beside its file"
            ));
        }
        self.outcome.problem().unwrap_or_else(|| malformed(&error.to_string()))
    }

    fn into_content(self, file: Field<'static>) -> ByteStream {
        self.allowance.lift();
        stream::try_unfold((self, Some(file)), |(mut parts, mut file)| async move {
            if let Some(field) = file.as_mut() {
                match field.next().await {
                    Some(Ok(block)) => return Ok(Some((block, (parts, file)))),
                    Some(Err(error)) => return Err(parts.refuse(parts.broken(&error))),
                    None => {
                        parts.allowance.restore();
                        drop(file.take());
                    }
                }
            }
            match parts.next().await {
                Ok(None) => Ok(None),
                Ok(Some(part)) if part.name() == Some("file") || part.file_name().is_some() => {
                    Err(parts.refuse(unexpected("the form has several files: send one document per request")))
                }
                Ok(Some(_)) => Err(parts.refuse(unexpected("a part follows the file: put the file last"))),
                Err(problem) => Err(parts.refuse(problem)),
            }
        })
        .boxed()
    }

    fn refuse(&self, problem: Problem) -> io::Error {
        self.outcome.refuse(problem)
    }
}

/// How many bytes may still be read outside the file; unlimited inside it.
#[derive(Clone)]
struct Allowance(Arc<AtomicUsize>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(SURROUNDINGS_BYTES_MAX)))
    }
}

impl Allowance {
    fn lift(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn restore(&self) {
        self.0.store(SURROUNDINGS_BYTES_MAX, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) {
        let left = self.0.load(Ordering::Relaxed);
        if left != usize::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Hands the parser one block at a time. Left alone it reads on for as long as blocks are ready, and a fast sender's file
/// would pile up in its buffer; a rest after each block makes it hand on what it has.
struct Paced {
    body: ByteStream,
    rests: bool,
    allowance: Allowance,
}

impl Stream for Paced {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A block may hold the surroundings and the beginning of the file, so the block that spends the allowance is good.
        if self.allowance.is_spent() {
            return Poll::Ready(Some(Err(io::Error::other("form surroundings too large"))));
        }
        let next = ready!(self.body.poll_next_unpin(context));
        if let Some(Ok(block)) = &next {
            self.rests = true;
            self.allowance.spend(block.len());
        }
        Poll::Ready(next)
    }
}

fn parse_collection(text: &[u8]) -> Result<CollectionName, Problem> {
    let text = String::from_utf8_lossy(text);
    CollectionName::new(text.trim()).map_err(|error| unexpected(&error.to_string()))
}

fn malformed(detail: &str) -> Problem {
    Problem::new(ProblemCode::MalformedMultipart, detail)
}

fn unexpected(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidMember, detail)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const CONTENT_TYPE: &str = "multipart/form-data; boundary=XX";

    fn part(name: &str, extra: &str, content: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{extra}\r\n\r\n{content}\r\n")
    }

    fn form(parts: &[String]) -> String {
        format!("{}--XX--\r\n", parts.concat())
    }

    /// The form in blocks of so many bytes.
    fn body(text: &str, block_bytes: usize) -> ByteStream {
        let blocks: Vec<_> =
            text.as_bytes().chunks(block_bytes).map(Bytes::copy_from_slice).map(Ok).collect();
        stream::iter(blocks).boxed()
    }

    async fn read(text: &str, block_bytes: usize) -> Result<(Form, Vec<u8>), Problem> {
        let outcome = BodyOutcome::default();
        let mut form = Form::read(CONTENT_TYPE, body(text, block_bytes), &outcome).await?;
        let mut content = Vec::new();
        while let Some(block) = form.content.next().await {
            match block {
                Ok(block) => content.extend_from_slice(&block),
                Err(_) => return Err(outcome.problem().expect("a refusal leaves its reason")),
            }
        }
        Ok((form, content))
    }

    async fn refused(parts: &[String]) -> Problem {
        read(&form(parts), 16).await.err().expect("the form should be refused")
    }

    #[tokio::test]
    async fn a_form_reads_the_same_in_blocks_of_any_size() {
        let file = "line\r\n--XY\r\n\r\nlast\r";
        let text = form(&[
            part("collection", "", "papers"),
            part("metadata", "", r#"{"a":1}"#),
            part("file", "; filename=\"a.txt\"", file),
        ]);
        for block_bytes in [1, 2, 7, 64, text.len()] {
            let (form, content) = read(&text, block_bytes).await.unwrap();
            assert_eq!(form.collection.as_ref().unwrap().as_str(), "papers");
            assert_eq!(form.metadata.unwrap()["a"], 1);
            assert_eq!(String::from_utf8(content).unwrap(), file, "in blocks of {block_bytes}");
        }
    }

    #[tokio::test]
    async fn one_file_and_nothing_behind_it() {
        let file = || part("file", "; filename=\"a\"", "x");
        assert!(refused(&[file(), file()]).await.detail().contains("one document per request"));
        assert!(refused(&[file(), part("collection", "", "c")]).await.detail().contains("put the file last"));
        assert!(refused(&[part("collection", "", "c")]).await.detail().contains("no part 'file'"));
        assert!(refused(&[part("colection", "", "c"), file()]).await.detail().contains("'colection'"));
        assert!(
            refused(&[part("collection", "", "Not a slug"), file()])
                .await
                .detail()
                .contains("collection name")
        );
        let twice = [part("metadata", "", "{}"), part("metadata", "", "{}"), file()];
        assert!(refused(&twice).await.detail().contains("twice"));
        for problem in [refused(&[file(), file()]).await, refused(&[]).await] {
            assert_eq!(problem.code(), ProblemCode::InvalidMember);
        }
    }

    #[tokio::test]
    async fn a_broken_form_is_malformed() {
        let whole = form(&[part("file", "; filename=\"a\"", "content")]);
        for text in [&whole[..whole.len() - 12], "no form at all", ""] {
            let problem = read(text, 8).await.err().unwrap();
            assert_eq!(problem.code(), ProblemCode::MalformedMultipart, "{text}");
        }
        let outcome = BodyOutcome::default();
        let without = Form::read("multipart/form-data", body(&whole, 8), &outcome).await.err().unwrap();
        assert!(without.detail().contains("boundary"));
    }

    #[tokio::test]
    async fn what_surrounds_the_file_is_bounded() {
        let long = "x".repeat(SURROUNDINGS_BYTES_MAX + 10);
        let file = part("file", "; filename=\"a\"", "x");
        let headers = format!("--XX\r\nX-Long: {long}");
        assert!(read(&headers, 4_096).await.err().unwrap().detail().contains("65536 bytes"));
        let text = form(&[part("metadata", "", &long), file.clone()]);
        assert!(read(&text, 4_096).await.err().unwrap().detail().contains("4096 bytes"));
        let epilogue = format!("{}{long}{long}", form(&[file]));
        assert_eq!(read(&epilogue, 4_096).await.unwrap().1, b"x");
    }

    #[tokio::test]
    async fn a_fast_sender_waits_for_a_slow_reader() {
        let pulled = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&pulled);
        let head = Bytes::from("--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n");
        let endless = stream::iter(std::iter::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from_static(&[b'x'; 8_192]))
        }));
        let body = stream::iter([Ok(head)]).chain(endless).boxed();
        let mut form = Form::read(CONTENT_TYPE, body, &BodyOutcome::default()).await.unwrap();
        for read in 1..=100 {
            form.content.next().await.unwrap().unwrap();
            assert!(pulled.load(Ordering::Relaxed) <= read + 2, "the sender ran ahead");
        }
    }
}
