//! Search hits for people: where each was found, how well it fits, and the part of it where the query's words are.
//! Choosing and scoring hits is the server's.

use crate::client::Hit;

use super::style::Style;
use super::text::{columns, columns_of, one_line};

const SCORE_CELLS: usize = 10;
const SNIPPET_LINES_MAX: usize = 4;
/// What wrapping leaves empty at the end of a line, about.
const RAGGED_COLUMNS: usize = 6;
const INDENT: &str = "   ";
/// Words that are in every text; emphasised only if the query has no others.
const STOP_WORDS: [&str; 31] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "how", "i", "in", "is",
    "it", "of", "on", "or", "that", "the", "this", "to", "was", "what", "when", "where", "which", "who",
    "with",
];

/// The hits as lines, best first.
pub(crate) fn render_hits(hits: &[Hit], query: &str, style: Style, width: usize) -> Vec<String> {
    let stems = query_stems(query);
    // Scores are at most 1 by design; should they not be, the best hit is the measure.
    let full = hits.iter().map(|hit| hit.score).fold(1.0, f64::max);
    let mut lines = Vec::new();
    for (at, hit) in hits.iter().enumerate() {
        if at > 0 {
            lines.push(String::new());
        }
        lines.extend(render_hit(at + 1, hit, full, &stems, style, width));
    }
    lines
}

fn render_hit(
    rank: usize,
    hit: &Hit,
    full: f64,
    stems: &[String],
    style: Style,
    width: usize,
) -> Vec<String> {
    let mut title = format!("{rank}. {}", style.bold(&one_line(&hit.filename)));
    if let Some(page) = hit.page {
        title.push_str(&format!("  page {page}"));
    }
    if let Some(heading) = hit.heading.as_deref().map(one_line).filter(|heading| !heading.is_empty()) {
        title.push_str(&format!("  {}", style.cyan(&heading)));
    }
    let place = format!(
        "{INDENT}{} {:.2}  {}",
        score_bar(hit.score / full),
        hit.score,
        style.dim(&one_line(&hit.document_id))
    );
    let mut lines = vec![title, place];
    lines.extend(snippet(&hit.text, stems, style, width.saturating_sub(INDENT.len())));
    lines
}

/// `█████░░░░░`
fn score_bar(share: f64) -> String {
    let filled = (share.clamp(0.0, 1.0) * SCORE_CELLS as f64).round() as usize;
    "█".repeat(filled) + &"░".repeat(SCORE_CELLS - filled)
}

/// The part of the text with the most words of the query, wrapped, the words emphasised.
fn snippet(text: &str, stems: &[String], style: Style, width: usize) -> Vec<String> {
    let text = one_line(text);
    let pieces: Vec<Piece<'_>> =
        text.split(' ').filter(|word| !word.is_empty()).map(|word| Piece::new(word, stems)).collect();
    let window = best_window(&pieces, width.saturating_sub(RAGGED_COLUMNS) * SNIPPET_LINES_MAX);
    let (cut_before, cut_after) = (window.start > 0, window.end < pieces.len());
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    if cut_before {
        (line, used) = ("…".into(), 1);
    }
    for piece in &pieces[window] {
        for (part, part_columns) in piece.parts(style, width) {
            if used > 0 && used + 1 + part_columns > width {
                lines.push(format!("{INDENT}{line}"));
                (line, used) = (String::new(), 0);
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(&part);
            used += part_columns;
        }
    }
    if cut_after {
        line.push_str(" …");
    }
    if !line.is_empty() {
        lines.push(format!("{INDENT}{line}"));
    }
    lines
}

/// One word of a text with what surrounds it.
struct Piece<'t> {
    text: &'t str,
    columns: usize,
    /// Which of the query's words it is.
    found: Option<usize>,
}

impl<'t> Piece<'t> {
    fn new(text: &'t str, stems: &[String]) -> Self {
        let found = words_of(text).find_map(|word| {
            let stem = stem(word);
            stems.iter().position(|query| *query == stem)
        });
        Self { text, columns: columns(text), found }
    }

    /// What is written, and its columns: the piece, or several where it is wider than a line.
    fn parts(&self, style: Style, width: usize) -> Vec<(String, usize)> {
        if self.columns > width {
            return broken(self.text, width.max(2));
        }
        let text = match self.found {
            Some(_) => emphasised(self.text, style),
            None => self.text.to_owned(),
        };
        vec![(text, self.columns)]
    }
}

/// Emphasises the letters, not the punctuation around them.
fn emphasised(text: &str, style: Style) -> String {
    let is_edge = |character: char| !character.is_alphanumeric();
    let word = text.trim_matches(is_edge);
    let Some(start) = text.find(word).filter(|_| !word.is_empty()) else { return text.to_owned() };
    format!("{}{}{}", &text[..start], style.emphasis(word), &text[start + word.len()..])
}

/// Text without spaces, as Chinese and long addresses are, in parts that fit.
fn broken(text: &str, width: usize) -> Vec<(String, usize)> {
    let mut parts = vec![(String::new(), 0)];
    for character in text.chars() {
        let character_columns = columns_of(character);
        if parts.last().is_some_and(|(_, used)| used + character_columns > width) {
            parts.push((String::new(), 0));
        }
        if let Some((part, used)) = parts.last_mut() {
            part.push(character);
            *used += character_columns;
        }
    }
    parts
}

/// The run of pieces within `columns_max` that holds the most different words of the query; the first of equals, with
/// some text before its first found word.
fn best_window(pieces: &[Piece<'_>], columns_max: usize) -> std::ops::Range<usize> {
    let mut best = (0, 0..window_end(pieces, 0, columns_max));
    for (at, _) in pieces.iter().enumerate().filter(|(_, piece)| piece.found.is_some()) {
        let start = lead_in(pieces, at, columns_max / 4);
        let end = window_end(pieces, start, columns_max);
        let mut found: Vec<usize> = pieces[start..end].iter().filter_map(|piece| piece.found).collect();
        found.sort_unstable();
        found.dedup();
        if found.len() > best.0 {
            best = (found.len(), start..end);
        }
    }
    let (_, window) = best;
    // What is left at the end of the text is given to the beginning.
    if window.end == pieces.len() {
        let start = lead_in(pieces, pieces.len(), columns_max).min(window.start);
        return start..window.end;
    }
    window
}

fn window_end(pieces: &[Piece<'_>], start: usize, columns_max: usize) -> usize {
    let mut used = 0;
    for (at, piece) in pieces.iter().enumerate().skip(start) {
        used += piece.columns + 1;
        if used > columns_max && at > start {
            return at;
        }
    }
    pieces.len()
}

fn lead_in(pieces: &[Piece<'_>], before: usize, columns_max: usize) -> usize {
    let mut used = 0;
    for at in (0..before).rev() {
        used += pieces[at].columns + 1;
        if used > columns_max {
            return at + 1;
        }
    }
    0
}

fn query_stems(query: &str) -> Vec<String> {
    let all: Vec<String> = words_of(query).map(str::to_lowercase).collect();
    let mut stems: Vec<String> =
        all.iter().filter(|word| !STOP_WORDS.contains(&word.as_str())).map(|word| stem(word)).collect();
    if stems.is_empty() {
        stems = all.iter().map(|word| stem(word)).collect();
    }
    stems
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Enough to see `rains` and `raining` as `rain`; the server's stemming decides what is found.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for ending in ["ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "y", "e"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 3
        {
            return stem.to_owned();
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(text: &str) -> Hit {
        Hit {
            document_id: "01890a5d".into(),
            filename: "rain.pdf".into(),
            page: Some(3),
            heading: Some("Weather".into()),
            text: text.into(),
            score: 0.83,
        }
    }

    #[test]
    fn a_hit_says_where_it_was_found_and_how_well_it_fits() {
        let lines = render_hits(&[hit("It rains.")], "the rain", Style::Plain, 80);
        assert_eq!(lines, ["1. rain.pdf  page 3  Weather", "   ████████░░ 0.83  01890a5d", "   It rains."]);
    }

    #[test]
    fn the_words_of_the_query_are_emphasised_without_their_punctuation() {
        let lines = render_hits(&[hit("It rains (the raining)!")], "the rain", Style::Ansi, 80);
        let rains = Style::Ansi.emphasis("rains");
        let raining = Style::Ansi.emphasis("raining");
        assert_eq!(lines[2], format!("   It {rains} (the {raining})!"));
    }

    #[test]
    fn a_long_text_is_cut_to_where_the_words_are_and_wrapped() {
        let text = format!("{}hail and thunder {}", "filler ".repeat(200), "more ".repeat(200));
        let lines = render_hits(&[hit(&text)], "thunder hail", Style::Plain, 60);
        let snippet = &lines[2..];
        assert!(snippet.len() <= SNIPPET_LINES_MAX + 1, "{snippet:#?}");
        assert!(snippet.iter().all(|line| columns(line) <= 62), "{snippet:#?}");
        let joined = snippet.join(" ");
        assert!(joined.contains("hail") && joined.contains("thunder"), "{joined}");
        assert!(snippet[0].trim_start().starts_with('…') && joined.ends_with('…'));
    }

    #[test]
    fn text_without_spaces_stays_within_the_width() {
        let lines = render_hits(&[hit(&"雨".repeat(100))], "雨", Style::Plain, 40);
        assert!(lines[2..].iter().all(|line| columns(line) <= 40), "{lines:#?}");
    }

    #[test]
    fn a_hit_without_text_or_heading_is_still_shown() {
        let bare = Hit { filename: "a".into(), ..Hit::default() };
        assert_eq!(render_hits(&[bare], "", Style::Plain, 80).len(), 2);
    }

    #[test]
    fn a_score_beyond_its_scale_does_not_break_the_bar() {
        assert_eq!(score_bar(f64::NAN), "░░░░░░░░░░");
        assert_eq!(score_bar(7.0), "██████████");
        assert_eq!(score_bar(-1.0), "░░░░░░░░░░");
    }
}
