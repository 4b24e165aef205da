//! PDF to text, pages in parallel over the cores at hand. Pages are numbered as in the file; headings
//! come from the outline, or from type sizes where there is none. It deliberately does no OCR, detects
//! no tables (their text stays in reading order), and reads no embedded files.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};
use pdf_oxide::PdfDocument;
use pdf_oxide::converters::ConversionOptions;

use crate::media_type::Format;
use crate::pdf_headings::{LargeLines, mark_headings};
use crate::pdf_page_tree::refuse_endless_tree;
use crate::text_builder::{TextBuilder, too_many_pages};

/// Deeply nested page content is read recursively.
const STACK_BYTES: usize = 64 << 20;
const WORKERS_MAX: u64 = 16;
/// Address space a worker takes beside what it reads: its stack, and the allocator's arena for its thread.
const WORKER_ADDRESS_BYTES: u64 = STACK_BYTES as u64 + (128 << 20);
/// A file that ends so far behind its last mark was cut or has junk appended.
const END_MARK_WITHIN_BYTES: usize = 64 << 10;

/// What one page gave.
#[derive(Debug, Default)]
pub(crate) struct PageText {
    pub(crate) text: String,
    pub(crate) large_lines: LargeLines,
    failed: bool,
}

pub(crate) fn extract(bytes: Vec<u8>, limits: &ExtractionLimits) -> Result<ExtractedText, ExtractionError> {
    let complete = has_end_mark(&bytes);
    let mut document = PdfDocument::from_bytes(bytes).map_err(|error| from_pdf_error(&error))?;
    // The library keeps a second copy for its editor.
    document.source_bytes = Vec::new();
    if document.is_encrypted() && !document.is_authenticated() && !document.authenticate(b"").unwrap_or(false)
    {
        return Err(ExtractionError::Encrypted("a PDF that needs a password to open".to_owned()));
    }
    if !complete {
        return Err(ExtractionError::Corrupt("the PDF is cut short: its end is missing".to_owned()));
    }
    refuse_endless_tree(&document, (limits.pages_max as usize).saturating_mul(2))?;
    let page_count = document.page_count().map_err(|error| from_pdf_error(&error))?;
    if page_count as u64 > u64::from(limits.pages_max) {
        return Err(too_many_pages(limits.pages_max));
    }
    let pages = read_pages(&document, page_count, limits)?;
    let failed = pages.iter().filter(|page| page.failed).count();
    if page_count == 0 {
        return Err(ExtractionError::Corrupt("the PDF has no pages".to_owned()));
    }
    if failed * 2 > page_count {
        return Err(ExtractionError::Corrupt(format!("{failed} of {page_count} pages cannot be read")));
    }
    let mut out = TextBuilder::new(limits);
    if let Some(title) = stated_title(&document) {
        out.set_title(&title);
    }
    for page in &pages {
        out.start_page()?;
        out.push(&page.text)?;
    }
    let no_text =
        format!("no text layer was found on {page_count} pages; scanned pages are not read (no OCR)");
    let mut extracted = out.finish(Format::Pdf.media_type(), &no_text)?;
    mark_headings(&mut extracted, &document, &pages);
    Ok(extracted)
}

fn has_end_mark(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(END_MARK_WITHIN_BYTES)..];
    // The mark of a linearised file's first part does not count: it stands near the start.
    let tail = if bytes.len() <= END_MARK_WITHIN_BYTES { &tail[tail.len() / 2..] } else { tail };
    tail.windows(9).any(|window| window == b"startxref") || tail.windows(5).any(|window| window == b"%%EOF")
}

/// Reads all pages. Each page is one unit of work; the result does not depend on who read it.
fn read_pages(
    document: &PdfDocument,
    page_count: usize,
    limits: &ExtractionLimits,
) -> Result<Vec<PageText>, ExtractionError> {
    let workers = worker_count(page_count, limits);
    let pages: Mutex<Vec<Option<PageText>>> = Mutex::new((0..page_count).map(|_| None).collect());
    let (next, text_bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= page_count || text_bytes.load(Ordering::Relaxed) > limits.text_bytes_max {
                return;
            }
            let page = read_page(document, index);
            text_bytes.fetch_add(page.text.len() as u64, Ordering::Relaxed);
            if let Ok(mut pages) = pages.lock() {
                pages[index] = Some(page);
            }
        }
    };
    std::thread::scope(|scope| {
        let spawned = (0..workers)
            .map(|_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work));
        match spawned.collect::<Vec<_>>().into_iter().all(|worker| worker.is_err()) {
            true => Err(ExtractionError::TooLarge("not enough memory for a parser thread".to_owned())),
            false => Ok(()),
        }
    })?;
    if text_bytes.into_inner() > limits.text_bytes_max {
        return Err(ExtractionError::TooLarge(format!("more than {} bytes of text", limits.text_bytes_max)));
    }
    let pages = pages.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(pages.into_iter().map(Option::unwrap_or_default).collect())
}

fn worker_count(page_count: usize, limits: &ExtractionLimits) -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    cores.min(WORKERS_MAX).min(limits.memory_bytes_max / WORKER_ADDRESS_BYTES).min(page_count as u64).max(1)
}

/// Reads one page; one that cannot be read is empty and counted, so that it does not cost the others.
fn read_page(document: &PdfDocument, index: usize) -> PageText {
    let options = ConversionOptions {
        extract_tables: false,
        detect_headings: false,
        include_images: false,
        ..ConversionOptions::default()
    };
    let read = catch_unwind(AssertUnwindSafe(|| {
        let spans = document.extract_spans(index)?;
        let large_lines = LargeLines::of(&spans);
        let text = document.extract_text_with_options(index, &options)?;
        if text.trim().is_empty() {
            // The library takes a content that does not unpack, a bomb above all, for a blank page.
            document.get_page_content_data(index)?;
        }
        Ok::<_, pdf_oxide::error::Error>(PageText { text, large_lines, failed: false })
    }));
    match read {
        Ok(Ok(page)) => page,
        Ok(Err(_)) | Err(_) => PageText { failed: true, ..PageText::default() },
    }
}

fn stated_title(document: &PdfDocument) -> Option<String> {
    let info = document.resolve_object(document.trailer().as_dict()?.get("Info")?).ok()?;
    let title = document.resolve_object(info.as_dict()?.get("Title")?).ok()?;
    let bytes = title.as_string()?;
    // Text strings are UTF-16 or UTF-8 under a mark, else PDFDocEncoding, which is close to Latin-1.
    let text = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, mark_bytes)) => {
            encoding.decode_without_bom_handling(&bytes[mark_bytes..]).0.into_owned()
        }
        None => encoding_rs::mem::decode_latin1(bytes).into_owned(),
    };
    Some(text)
}

fn from_pdf_error(error: &pdf_oxide::error::Error) -> ExtractionError {
    match error {
        pdf_oxide::error::Error::EncryptedPdf => {
            ExtractionError::Encrypted("a PDF that needs a password to open".to_owned())
        }
        other => ExtractionError::Corrupt(format!("cannot read the PDF: {other}")),
    }
}
