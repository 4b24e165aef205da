//! What good chunks look like: where they begin and end in prose, lists and tables, and what they say of their
//! place. Bounds and coverage are tested in properties.rs.

use crate::tokenizers::Words;
use millrace_chunking::{ChunkingPolicy, DocumentText, TextChunk, chunks};
use millrace_ports::{HeadingSpan, PageSpan};

fn policy(tokens_max: u16, overlap: u16) -> ChunkingPolicy {
    ChunkingPolicy::new(tokens_max, overlap).unwrap()
}

/// A sentence of `count` tokens, the full stop among them, that begins with `name`.
fn sentence(name: &str, count: usize) -> String {
    format!("{name}{}.", " word".repeat(count - 2))
}

fn sentences(name: &str, count: usize, tokens: usize) -> String {
    (0..count).map(|number| sentence(&format!("{name}{number}"), tokens)).collect::<Vec<_>>().join(" ")
}

fn texts<'a>(text: &'a str, found: &[TextChunk]) -> Vec<&'a str> {
    found.iter().map(|chunk| &text[chunk.start..chunk.end]).collect()
}

fn split(text: &str, policy: ChunkingPolicy) -> Vec<&str> {
    texts(text, &chunks(DocumentText::plain(text), &Words, policy).collect::<Vec<_>>())
}

#[test]
fn a_short_text_is_one_chunk() {
    assert_eq!(split("  One. Two.\n\nThree.\n", policy(254, 32)), ["One. Two.\n\nThree."]);
}

#[test]
fn chunks_end_at_a_paragraph_rather_than_a_sentence() {
    let text = format!("{}\n\n{}", sentences("A", 8, 10), sentences("B", 20, 10));
    let found = split(&text, policy(100, 0));
    assert!(found[0].starts_with("A0") && found[0].ends_with('.') && !found[0].contains('B'), "{found:?}");
}

#[test]
fn chunks_overlap_by_whole_sentences() {
    let text = sentences("A", 30, 10);
    let found = split(&text, policy(100, 25));
    for pair in found.windows(2) {
        let second_last = pair[0].rmatch_indices('A').nth(1).map(|(at, _)| &pair[0][at..]).unwrap();
        assert!(pair[1].starts_with(second_last), "{pair:?}");
    }
}

#[test]
fn a_scrap_at_the_end_is_shared_out() {
    // 104 tokens: four more than fit.
    let text = format!("{} {}", sentences("A", 10, 10), sentence("End", 4));
    let found = split(&text, policy(100, 0));
    assert_eq!(found.len(), 2);
    assert!(found[1].starts_with("A9"), "{found:?}");
}

#[test]
fn a_chapter_begins_a_chunk_and_repeats_nothing() {
    let text = format!("# One\n\n{}\n\n# Two\n\n{}", sentences("A", 5, 10), sentences("B", 5, 10));
    let headings = ["One", "Two"].map(|word| {
        let start = text.find(word).unwrap();
        HeadingSpan { level: 1, start, end: start + 3 }
    });
    let document = DocumentText { text: &text, pages: &[], headings: &headings };
    let found: Vec<_> = chunks(document, &Words, policy(200, 30)).collect();
    assert_eq!(texts(&text, &found)[1].lines().next(), Some("# Two"));
    assert_eq!(found[1].heading.as_deref(), Some("Two"));
    assert_eq!(found.len(), 2);
}

#[test]
fn small_sections_share_a_chunk() {
    let text =
        (0..6).map(|number| format!("# H{number}\n\n{}", sentence("A", 12))).collect::<Vec<_>>().join("\n\n");
    let headings: Vec<_> =
        text.match_indices('H').map(|(start, _)| HeadingSpan { level: 1, start, end: start + 2 }).collect();
    let document = DocumentText { text: &text, pages: &[], headings: &headings };
    let found: Vec<_> = chunks(document, &Words, policy(160, 0)).collect();
    assert_eq!(found.len(), 2, "{:?}", texts(&text, &found));
    assert!(texts(&text, &found).iter().all(|chunk| chunk.starts_with("# H")));
}

#[test]
fn a_heading_is_not_left_behind_by_its_text() {
    let text = format!("{}\n\nTitle\n\n{}", sentences("A", 9, 10), sentences("B", 9, 10));
    let start = text.find("Title").unwrap();
    let headings = [HeadingSpan { level: 4, start, end: start + 5 }];
    let document = DocumentText { text: &text, pages: &[], headings: &headings };
    for tokens_max in 90..120 {
        let found: Vec<_> = chunks(document, &Words, policy(tokens_max, 0)).collect();
        assert!(texts(&text, &found).iter().all(|chunk| !chunk.ends_with("Title")), "{tokens_max}");
    }
}

#[test]
fn tables_are_cut_between_their_lines() {
    let text = (0..60).map(|row| format!("| r{row} | 1 | 2 |")).collect::<Vec<_>>().join("\n");
    let found = split(&text, policy(64, 0));
    assert!(found.len() > 5);
    assert!(found.iter().all(|chunk| chunk.starts_with("| r") && chunk.ends_with('|')), "{found:?}");
}

#[test]
fn an_endless_sentence_is_cut_between_words() {
    let text = "word ".repeat(1000);
    let found = split(&text, policy(100, 10));
    assert!(found.iter().all(|chunk| chunk.starts_with("word") && chunk.ends_with("word")));
    assert!(found.len() <= 13, "{}", found.len());
}

#[test]
fn japanese_is_cut_after_its_full_stops() {
    let text = "今日はとても良い天気です。".repeat(40);
    let found = split(&text, policy(64, 0));
    assert!(found.iter().all(|chunk| chunk.ends_with('。') && chunk.starts_with('今')), "{found:?}");
}

#[test]
fn a_chunk_knows_its_page_and_heading() {
    let text = format!("Intro\n\n{}\n\nDetails\n\n{}", sentences("A", 8, 10), sentences("B", 8, 10));
    let at = text.find("Details").unwrap();
    let headings =
        [HeadingSpan { level: 1, start: 0, end: 5 }, HeadingSpan { level: 2, start: at, end: at + 7 }];
    let pages =
        [PageSpan { number: 1, start: 0, end: at }, PageSpan { number: 2, start: at, end: text.len() }];
    let document = DocumentText { text: &text, pages: &pages, headings: &headings };
    let found: Vec<_> = chunks(document, &Words, policy(100, 10)).collect();
    let places: Vec<_> = found.iter().map(|chunk| (chunk.page, chunk.heading.as_deref())).collect();
    assert_eq!(places, [(Some(1), Some("Intro")), (Some(2), Some("Intro > Details"))]);
}
