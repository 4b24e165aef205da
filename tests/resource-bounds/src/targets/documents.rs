//! Documents of one format through the real extraction child, and what comes out of it through the chunker, which runs
//! in the worker itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use async_trait::async_trait;
use millrace_chunking::{ChunkingPolicy, DocumentText, chunks};
use millrace_extraction::{check_extracted_text, samples};
use millrace_ports::{ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits};
use tokio::sync::Mutex;

use super::words::{FORMATS, Format};
use super::{Input, Judged, Target, Verdict, panic_text};
use crate::corpus::{CorpusFile, corpus_files};
use crate::measured_child::{Ended, MeasuredExtractor};
use crate::mutation::mutate;
use crate::package::mutate_package;
use crate::random::Random;
use millrace_test_support::WordTokenizer;

/// Longest title in characters that an event carries.
const TITLE_CHARS_MAX: usize = 300;
/// What the extractor says of a child that did not end by itself.
const CRASHES: [&str; 3] = ["parser panicked", "crashed with signal", "nested too deeply for the parser"];

/// The limits of these tests: as in production but for what would take long, so that small inputs meet them.
#[must_use]
pub fn extraction_limits() -> ExtractionLimits {
    ExtractionLimits {
        input_bytes_max: 32 << 20,
        pages_max: 2_000,
        text_bytes_max: 16 << 20,
        expansion_ratio_max: 200,
        memory_bytes_max: 1 << 30,
        time_ms_max: 30_000,
    }
}

/// One format.
#[derive(Debug)]
pub struct DocumentTarget {
    format: &'static Format,
    seeds: Vec<CorpusFile>,
    limits: ExtractionLimits,
    /// A child reports to whoever waits, so one at a time.
    extractor: Mutex<MeasuredExtractor>,
}

impl DocumentTarget {
    pub(crate) fn new(format: &'static Format) -> anyhow::Result<Self> {
        let mut seeds = corpus_files(format.name)?;
        let ours = samples::readable().into_iter().filter(|sample| {
            format.extensions.iter().any(|extension| sample.filename.ends_with(&format!(".{extension}")))
        });
        seeds.extend(ours.map(|sample| CorpusFile { name: sample.filename.to_owned(), bytes: sample.bytes }));
        seeds.retain(|seed| !seed.bytes.is_empty());
        anyhow::ensure!(!seeds.is_empty(), "no seeds for {}", format.name);
        let limits = extraction_limits();
        let extractor = Mutex::new(MeasuredExtractor::new(limits.clone())?);
        Ok(Self { format, seeds, limits, extractor })
    }

    /// One for each format.
    ///
    /// # Errors
    /// If the corpus cannot be read.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        FORMATS.iter().map(Self::new).collect()
    }

    /// The target for files of this name.
    ///
    /// # Errors
    /// If there is none, or its seeds cannot be read.
    pub fn for_folder(name: &str) -> anyhow::Result<Self> {
        let format = FORMATS.iter().find(|format| format.name == name);
        Self::new(format.ok_or_else(|| anyhow::anyhow!("no format {name}"))?)
    }

    /// More seeds to start from.
    pub fn add_seeds(&mut self, more: Vec<CorpusFile>) {
        self.seeds.extend(more);
    }

    /// Whether files of this name are of the format.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.format.extensions.iter().any(|extension| name.ends_with(&format!(".{extension}")))
    }

    /// The bounds that the children have.
    #[must_use]
    pub fn limits(&self) -> &ExtractionLimits {
        &self.limits
    }

    /// Extracts one document under the target's limits.
    pub async fn extract(&self, input: &Input) -> Ended {
        let hints = ExtractionHints { filename: Some(input.name.clone()), declared_media_type: None };
        self.extractor.lock().await.extract(input.bytes.clone(), &hints).await
    }

    fn verdict(&self, ended: &Ended) -> Verdict {
        if let Some(peak) = ended.peak_bytes.filter(|peak| *peak > self.limits.memory_bytes_max) {
            return Verdict::Broken(format!("{peak} bytes of memory were resident"));
        }
        match &ended.result {
            Ok(text) => match check_extracted_text(text).and_then(|()| self.check_bounds(text)) {
                Ok(()) => Verdict::Fine,
                Err(broken) => Verdict::Broken(broken),
            },
            Err(error @ ExtractionError::Unavailable(_)) => {
                Verdict::Broken(format!("the document was taken for our own trouble: {error}"))
            }
            Err(error @ ExtractionError::TimedOut(_)) => Verdict::Suspicious(error.to_string()),
            Err(error) if CRASHES.iter().any(|crash| error.to_string().contains(crash)) => {
                if self.format.is_ours {
                    Verdict::Broken(error.to_string())
                } else {
                    Verdict::Suspicious(error.to_string())
                }
            }
            Err(_) => Verdict::Fine,
        }
    }

    fn check_bounds(&self, text: &ExtractedText) -> Result<(), String> {
        if text.text.len() as u64 > self.limits.text_bytes_max {
            return Err(format!("{} bytes of text", text.text.len()));
        }
        if text.pages.len() as u64 > u64::from(self.limits.pages_max) {
            return Err(format!("{} pages", text.pages.len()));
        }
        if text.title.as_ref().is_some_and(|title| title.chars().count() > TITLE_CHARS_MAX) {
            return Err("an endless title".to_owned());
        }
        catch_unwind(AssertUnwindSafe(|| check_chunks(text)))
            .unwrap_or_else(|panic| Err(format!("the chunker panicked: {}", panic_text(&*panic))))
    }
}

/// Cuts the text as the worker does.
fn check_chunks(text: &ExtractedText) -> Result<(), String> {
    let source = DocumentText { text: &text.text, pages: &text.pages, headings: &text.headings };
    let mut last_start = None;
    for chunk in chunks(source, &WordTokenizer, ChunkingPolicy::default()) {
        if last_start.is_some_and(|last| chunk.start <= last)
            || text.text.get(chunk.start..chunk.end).is_none()
        {
            return Err(format!("chunk {}..{} behind one at {last_start:?}", chunk.start, chunk.end));
        }
        last_start = Some(chunk.start);
    }
    if last_start.is_none() { Err("text without chunks".to_owned()) } else { Ok(()) }
}

/// The failure's code as it is stored, or `text`.
#[must_use]
pub fn outcome_of(result: &Result<ExtractedText, ExtractionError>) -> &'static str {
    match result {
        Ok(_) => "text",
        Err(ExtractionError::UnsupportedMediaType(_)) => "unsupported_media_type",
        Err(ExtractionError::Corrupt(_)) => "corrupt",
        Err(ExtractionError::Encrypted(_)) => "encrypted",
        Err(ExtractionError::TooLarge(_)) => "too_large",
        Err(ExtractionError::TooManyPages(_)) => "too_many_pages",
        Err(ExtractionError::Empty(_)) => "empty",
        Err(ExtractionError::TimedOut(_)) => "timed_out",
        Err(ExtractionError::Unavailable(_)) => "unavailable",
    }
}

#[async_trait]
impl Target for DocumentTarget {
    fn name(&self) -> &str {
        self.format.name
    }

    fn input(&self, random: &mut Random) -> Input {
        let (seed, other) = (random.pick(&self.seeds).clone(), random.pick(&self.seeds).clone());
        let change = if self.format.is_package { mutate_package } else { mutate };
        Input { name: seed.name, bytes: change(&seed.bytes, &other.bytes, self.format.words, random) }
    }

    async fn judge(&self, input: &Input) -> Judged {
        let ended = self.extract(input).await;
        Judged {
            outcome: outcome_of(&ended.result).to_owned(),
            verdict: self.verdict(&ended),
            peak_bytes: ended.peak_bytes,
        }
    }
}
