//! How fast text is split into chunks in this process, apart from the model's tokenizer: tokens here are words and
//! punctuation. The alternative is tokenizing alone, and with `--python` LangChain's splitter.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use millrace_chunking::{ChunkingPolicy, DocumentText, TokenCounting, chunks};
use millrace_ports::{HeadingSpan, Tokenizer};

use crate::command_line::Setup;
use crate::generated_text::TextGenerator;
use crate::report::{Table, milliseconds, times};

const ROUNDS: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Size of the text in bytes.
    #[arg(long, default_value_t = 1_000_000)]
    bytes: usize,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let text = TextGenerator::new(6).document(options.bytes);
    let headings = headings(&text);
    let document = DocumentText { text: &text, pages: &[], headings: &headings };
    let adding = ChunkingPolicy::default().with_counting(TokenCounting::AddsUpAtWhiteSpace);
    let mut ends = Vec::new();
    let (tokenizing, _) = fastest(|| {
        Words.token_ends(&text, &mut ends);
        ends.len()
    });
    let (splitting, count) = fastest(|| chunks(document, &Words, adding).count());
    let (recounting, _) = fastest(|| chunks(document, &Words, ChunkingPolicy::default()).count());
    let blind = ChunkingPolicy::default();
    let (unaided, blind_count) = fastest(|| chunks(document, &Blind, blind).count());

    let title = format!("Chunking: {} bytes, {count} chunks, best of {ROUNDS}", text.len());
    let mut table = Table::new(title, &["way", "time", "against chunks, counts adding up"]);
    let mut row = |way: &str, time: Duration| {
        let ratio = times(time.as_secs_f64(), splitting.as_secs_f64());
        table.row([way.to_owned(), milliseconds(time), ratio]);
    };
    row("chunks, counts adding up", splitting);
    row("chunks, every chunk counted again", recounting);
    row(&format!("chunks by bytes alone, no tokenizer ({blind_count} chunks)"), unaided);
    row("tokenizing the text once, nothing else", tokenizing);
    if let Some(python) = setup.python().await? {
        let file = tempfile::Builder::new().suffix(".txt").tempfile().context("make a document")?;
        std::fs::write(file.path(), &text).context("write the document")?;
        let splitter = python.splitting(file.path()).await?;
        row("LangChain's RecursiveCharacterTextSplitter, by characters", splitter);
    }
    table.print();
    Ok(())
}

fn fastest(mut work: impl FnMut() -> usize) -> (Duration, usize) {
    let mut best = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let result = std::hint::black_box(work());
        best = (best.0.min(begun.elapsed()), result);
    }
    best
}

fn headings(markdown: &str) -> Vec<HeadingSpan> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in markdown.split_inclusive('\n') {
        let words = line.trim_start_matches('#');
        let level = line.len() - words.len();
        if level > 0 {
            let from = start + level + (words.len() - words.trim_start().len());
            found.push(HeadingSpan { level: level as u8, start: from, end: from + words.trim().len() });
        }
        start += line.len();
    }
    found
}

/// Words and single punctuation marks.
#[derive(Debug)]
struct Words;

impl Tokenizer for Words {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.clear();
        let mut in_word = false;
        for (at, byte) in text.bytes().enumerate() {
            let is_word = byte.is_ascii_alphanumeric();
            if in_word && !is_word {
                ends.push(at);
            }
            if byte.is_ascii_punctuation() {
                ends.push(at + 1);
            }
            in_word = is_word;
        }
        if in_word {
            ends.push(text.len());
        }
    }
}

/// Finds no tokens, so that only the bound in bytes cuts.
#[derive(Debug)]
struct Blind;

impl Tokenizer for Blind {
    fn token_ends(&self, _: &str, ends: &mut Vec<usize>) {
        ends.clear();
    }
}
