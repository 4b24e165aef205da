//! Headings of a PDF: the outline's entries where they are found on their pages, else lines set clearly
//! larger than the body. A heading is always a whole line of the text, so body text cannot become one.
//! It deliberately ignores weight, colour and position.

use std::collections::{BTreeMap, HashMap};

use millrace_ports::{ExtractedText, HeadingSpan};
use pdf_oxide::PdfDocument;
use pdf_oxide::layout::TextSpan;
use pdf_oxide::outline::{Destination, OutlineItem};

use crate::pdf::PageText;
use crate::pdf_outline::{OUTLINE_DEPTH_MAX, OUTLINE_ITEMS_MAX, is_a_tree};

/// Lines of a page among which an outline's entry is looked for; each entry is compared with each of them.
const LINES_PER_PAGE_MAX: usize = 1_000;
const HEADING_CHARS_MAX: usize = 160;
/// How much larger than the body a heading is set.
const SIZE_RATIO_MIN: f32 = 1.15;
/// With more large text than this share, size means nothing (posters, slides).
const LARGE_SHARE_MAX: f64 = 0.2;
const LEVELS_BY_SIZE_MAX: usize = 4;

/// The type sizes of one page: how many characters each has, and the lines that are set in one size.
#[derive(Debug, Default)]
pub(crate) struct LargeLines {
    /// Characters per size, in tenths of a point.
    characters: BTreeMap<u32, usize>,
    /// The largest size of each line, by the line's letters.
    lines: HashMap<String, u32>,
}

impl LargeLines {
    pub(crate) fn of(spans: &[TextSpan]) -> Self {
        let mut found = Self::default();
        let mut by_row: BTreeMap<i32, Vec<&TextSpan>> = BTreeMap::new();
        for span in spans {
            let characters = span.text.chars().filter(|c| !c.is_whitespace()).count();
            if characters == 0 {
                continue;
            }
            *found.characters.entry(tenths(span.font_size)).or_default() += characters;
            by_row.entry(span.bbox.y.round() as i32).or_default().push(span);
        }
        let Some(body) = found.characters.iter().max_by_key(|(_, count)| **count).map(|(size, _)| *size)
        else {
            return found;
        };
        for row in by_row.values() {
            let smallest = row.iter().map(|span| tenths(span.font_size)).min().unwrap_or(0);
            if smallest > body {
                let mut ordered = row.clone();
                ordered.sort_by(|a, b| a.bbox.x.total_cmp(&b.bbox.x));
                found.lines.insert(ordered.iter().map(|span| letters(&span.text)).collect(), smallest);
            }
        }
        found
    }
}

fn tenths(size: f32) -> u32 {
    (size.clamp(0.0, 10_000.0) * 10.0).round() as u32
}

/// The text without white space and case, to compare what was spaced and set differently.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Adds the headings to a text whose pages are known.
pub(crate) fn mark_headings(extracted: &mut ExtractedText, document: &PdfDocument, pages: &[PageText]) {
    let mut entries = Vec::new();
    if is_a_tree(document)
        && let Ok(Some(outline)) = document.get_outline()
    {
        flatten(document, &outline, 1, &mut entries);
    }
    extracted.headings = from_outline(extracted, &entries);
    if extracted.headings.is_empty() {
        extracted.headings = from_sizes(extracted, pages);
    }
}

struct Entry {
    level: u8,
    letters: String,
    page: Option<usize>,
}

fn flatten(document: &PdfDocument, items: &[OutlineItem], depth: usize, entries: &mut Vec<Entry>) {
    for item in items {
        if entries.len() >= OUTLINE_ITEMS_MAX {
            return;
        }
        let page = match &item.dest {
            Some(Destination::PageIndex(index)) => Some(*index),
            Some(Destination::Named(name)) => document.resolve_named_destination(name).ok().flatten(),
            None => None,
        };
        entries.push(Entry { level: depth.min(6) as u8, letters: letters(&item.title), page });
        if depth < OUTLINE_DEPTH_MAX {
            flatten(document, &item.children, depth + 1, entries);
        }
    }
}

/// Finds each entry as a line of its page, perhaps behind a number or over two lines.
fn from_outline(extracted: &ExtractedText, entries: &[Entry]) -> Vec<HeadingSpan> {
    let mut found: Vec<HeadingSpan> = Vec::new();
    let mut lines_of: HashMap<usize, Vec<(usize, usize, String)>> = HashMap::new();
    for entry in entries.iter().filter(|entry| !entry.letters.is_empty()) {
        let Some(page) = entry.page.and_then(|index| extracted.pages.get(index).map(|page| (index, page)))
        else {
            continue;
        };
        let lines = lines_of.entry(page.0).or_insert_with(|| {
            let mut lines = lines(&extracted.text, page.1.start, page.1.end);
            lines.truncate(LINES_PER_PAGE_MAX);
            lines
        });
        if let Some((start, end)) = find_lines(lines, &entry.letters) {
            found.push(HeadingSpan { level: entry.level, start, end });
        }
    }
    in_order(found)
}

fn find_lines(lines: &[(usize, usize, String)], wanted: &str) -> Option<(usize, usize)> {
    let matches = |line: &str| {
        let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')' | '§'));
        line == wanted
            || numbered == wanted
            || wanted.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.') == line
    };
    if let Some((start, end, _)) = lines.iter().find(|(_, _, line)| !line.is_empty() && matches(line)) {
        return Some((*start, *end));
    }
    lines
        .windows(2)
        .find(|pair| matches(&format!("{}{}", pair[0].2, pair[1].2)))
        .map(|pair| (pair[0].0, pair[1].1))
}

/// The lines between two offsets: start, end and letters of each that is not blank.
fn lines(text: &str, from: usize, to: usize) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut offset = from;
    for line in text[from..to].split_inclusive('\n') {
        let bare = line.trim();
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        if !bare.is_empty() && bare.chars().count() <= HEADING_CHARS_MAX {
            found.push((start, start + bare.len(), letters(bare)));
        }
    }
    found
}

fn from_sizes(extracted: &ExtractedText, pages: &[PageText]) -> Vec<HeadingSpan> {
    let mut characters: BTreeMap<u32, usize> = BTreeMap::new();
    for (size, count) in pages.iter().flat_map(|page| &page.large_lines.characters) {
        *characters.entry(*size).or_default() += count;
    }
    let Some(body) = characters.iter().max_by_key(|(_, count)| **count).map(|(size, _)| *size) else {
        return Vec::new();
    };
    let threshold = (body as f32 * SIZE_RATIO_MIN).ceil() as u32;
    let total: usize = characters.values().sum();
    let large: usize = characters.range(threshold..).map(|(_, count)| count).sum();
    if large as f64 > total as f64 * LARGE_SHARE_MAX {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (page, span) in pages.iter().zip(&extracted.pages) {
        if page.large_lines.lines.values().all(|size| *size < threshold) {
            continue;
        }
        for (start, end, letters) in lines(&extracted.text, span.start, span.end) {
            let size = page.large_lines.lines.get(&letters).copied().unwrap_or(0);
            if size >= threshold && letters.chars().any(char::is_alphabetic) {
                found.push((size, start, end));
            }
        }
    }
    with_levels(&found)
}

/// The larger, the higher; sizes within a point of one another are one level.
fn with_levels(found: &[(u32, usize, usize)]) -> Vec<HeadingSpan> {
    let mut sizes: Vec<u32> = found.iter().map(|(size, _, _)| *size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup_by(|smaller, larger| larger.abs_diff(*smaller) < 10);
    let level = |size: u32| {
        sizes
            .iter()
            .position(|one| one.abs_diff(size) < 10)
            .unwrap_or(sizes.len())
            .min(LEVELS_BY_SIZE_MAX - 1)
            + 1
    };
    let spans = found.iter().map(|(size, start, end)| HeadingSpan {
        level: level(*size) as u8,
        start: *start,
        end: *end,
    });
    in_order(spans.collect())
}

fn in_order(mut headings: Vec<HeadingSpan>) -> Vec<HeadingSpan> {
    headings.sort_by_key(|heading| (heading.start, heading.end));
    let mut end = 0;
    headings.retain(|heading| {
        let follows = heading.start >= end;
        if follows {
            end = heading.end;
        }
        follows
    });
    headings
}
