//! Markdown to text: kept as written, with the words of its headings marked. It deliberately strips no
//! markup, which readers and language models know.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits, HeadingSpan};

use crate::decode;
use crate::media_type::Format;
use crate::text_builder::{HEADINGS_MAX, TextBuilder, clean_title};

pub(crate) fn extract(
    bytes: &[u8],
    charset: Option<&str>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let text = decode::decode(bytes, charset);
    let mut out = TextBuilder::new(limits);
    out.push(&text)?;
    let mut extracted = out.finish(Format::Markdown.media_type(), "the text is blank")?;
    extracted.headings = headings(&extracted.text);
    let stated = front_matter_title(&extracted.text).or_else(|| {
        let first = extracted.headings.iter().find(|heading| heading.level == 1);
        first.map(|one| &extracted.text[one.start..one.end])
    });
    extracted.title = stated.map(clean_title).filter(|title| !title.is_empty());
    Ok(extracted)
}

fn headings(text: &str) -> Vec<HeadingSpan> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut previous = 0..0;
    let mut lines_of_prose = 0_usize;
    let mut front_matter = text.starts_with("---\n");
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if found.len() >= HEADINGS_MAX {
            break;
        }
        let bare = line.trim();
        if front_matter {
            front_matter = start == 0 || bare != "---";
            continue;
        }
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() {
            previous = 0..0;
            continue;
        }
        if let Some(heading) = atx_heading(text, start, line) {
            found.push(heading);
            previous = 0..0;
            continue;
        }
        let underline = !bare.is_empty()
            && (bare.bytes().all(|b| b == b'=') || (bare.len() > 1 && bare.bytes().all(|b| b == b'-')));
        if underline && previous.is_empty() {
            lines_of_prose = 0;
            continue;
        }
        if underline {
            found.push(HeadingSpan {
                level: if bare.starts_with('=') { 1 } else { 2 },
                start: previous.start,
                end: previous.end,
            });
            previous = 0..0;
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let is_prose = !bare.is_empty() && indent < 4 && !bare.starts_with(['-', '*', '>', '|', '+']);
        // Only a paragraph of one line is a heading by its underline; more is prose above a rule.
        let follows_prose = lines_of_prose > 0;
        lines_of_prose = if is_prose { lines_of_prose + 1 } else { 0 };
        previous =
            if is_prose && !follows_prose { start + indent..start + indent + bare.len() } else { 0..0 };
    }
    found
}

fn atx_heading(text: &str, start: usize, line: &str) -> Option<HeadingSpan> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let marks = line[indent..].bytes().take_while(|byte| *byte == b'#').count();
    let words = &line[indent + marks..];
    if indent > 3 || !(1..=6).contains(&marks) || !words.starts_with([' ', '\t']) {
        return None;
    }
    let words_start = start + indent + marks + (words.len() - words.trim_start().len());
    let trimmed = words.trim();
    let unmarked = trimmed.trim_end_matches('#');
    let closed = unmarked.len() < trimmed.len() && (unmarked.is_empty() || unmarked.ends_with([' ', '\t']));
    let shown = if closed { unmarked.trim_end() } else { trimmed };
    debug_assert!(text.is_char_boundary(words_start));
    (!shown.is_empty()).then(|| HeadingSpan {
        level: marks as u8,
        start: words_start,
        end: words_start + shown.len(),
    })
}

fn front_matter_title(text: &str) -> Option<&str> {
    let body = text.strip_prefix("---\n")?;
    let block = &body[..body.find("\n---")?];
    let value = block.lines().find_map(|line| line.strip_prefix("title:"))?.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_both_kinds_are_found_outside_of_code() {
        let source = "---\ntitle: \"Front\"\n---\n# One #\n\n```sh\n# no\n```\n\nTwo\n===\n\ntext\n\n## Drei ü\n\n- item\n---\n";
        let text = extract(source.as_bytes(), None, &ExtractionLimits::default()).unwrap();
        let words: Vec<_> = text.headings.iter().map(|h| (h.level, &text.text[h.start..h.end])).collect();
        assert_eq!(words, [(1, "One"), (1, "Two"), (2, "Drei ü")]);
        assert_eq!(text.title.as_deref(), Some("Front"));
    }

    /// Spans and title travel beside the text; without bounds the answer of the child was too long to be taken.
    #[test]
    fn a_file_of_nothing_but_headings_has_so_many_and_a_title_of_a_line() {
        let limits = ExtractionLimits::default();
        let text = extract("# a\n".repeat(HEADINGS_MAX + 1).as_bytes(), None, &limits).unwrap();
        assert_eq!(text.headings.len(), HEADINGS_MAX);
        let endless = format!("# {}", "word ".repeat(1_000));
        let text = extract(endless.as_bytes(), None, &limits).unwrap();
        assert!(text.title.is_some_and(|title| title.len() < 1_000));
    }
}
