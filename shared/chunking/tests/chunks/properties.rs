//! What holds for every text, every tokenizer and every policy: coverage, bounds, order, determinism.
//! What good chunks look like is tested in structure.rs.

use crate::tokenizers::{Blind, Bytes, WordPieces, Words};
use millrace_chunking::{ChunkingPolicy, DocumentText, TextChunk, TokenCounting, chunks};
use millrace_ports::{HeadingSpan, PageSpan, Tokenizer};
use proptest::prelude::*;

const TOKENIZERS: [&dyn Tokenizer; 4] = [&Words, &WordPieces, &Bytes, &Blind];

fn check(document: DocumentText<'_>, tokenizer: &dyn Tokenizer, policy: ChunkingPolicy) -> Vec<TextChunk> {
    let text = document.text;
    let found: Vec<TextChunk> = chunks(document, tokenizer, policy).collect();
    let (mut covered, mut last_start, mut ends) = (0, None, Vec::new());
    for (position, chunk) in found.iter().enumerate() {
        let words = text.get(chunk.start..chunk.end).expect("offsets lie on character boundaries");
        assert_eq!(chunk.index.get() as usize, position);
        assert!(!words.is_empty() && words.trim() == words, "{words:?}");
        assert!(last_start < Some(chunk.start), "starts must ascend");
        assert!(chunk.end > covered, "a chunk must hold something new");
        if chunk.start > covered {
            assert!(text[covered..chunk.start].trim().is_empty(), "lost {:?}", &text[covered..chunk.start]);
        }
        tokenizer.token_ends(words, &mut ends);
        assert_eq!(usize::from(chunk.token_count), ends.len(), "{words:?}");
        assert!(chunk.token_count <= policy.tokens_max(), "{} tokens: {words:?}", chunk.token_count);
        assert!(words.len() <= policy.bytes_max(), "{} bytes", words.len());
        (covered, last_start) = (chunk.end, Some(chunk.start));
    }
    assert!(text[covered..].trim().is_empty(), "lost the tail {:?}", &text[covered..]);
    found
}

fn any_policy() -> impl Strategy<Value = ChunkingPolicy> {
    (32_u16..300).prop_flat_map(|tokens_max| {
        (0..=tokens_max / 2).prop_flat_map(move |overlap| {
            (overlap + 1..=tokens_max).prop_map(move |target| {
                ChunkingPolicy::new(tokens_max, overlap)
                    .and_then(|policy| policy.with_target(target))
                    .unwrap()
            })
        })
    })
}

/// Text out of pieces that matter to the chunker, in any order.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-zA-Z]{1,12} ",
        2 => "[a-z]{1,8}[.!?] [A-Z][a-z]{0,5} ",
        1 => "[a-z]{50,400}",
        1 => Just("\n".to_owned()),
        1 => Just("\n\n".to_owned()),
        1 => Just(" \r\n \r\n".to_owned()),
        1 => "\n(- |\\| a \\| b|\tx|1\\. |    y\\(\\);)[a-z ]{0,20}",
        1 => "[\\PC\n]{0,30}",
        1 => "(今日は晴れ。|「はい。」|ไม่มีช่องว่าง|e\u{301}\u{302}|مرحبا، كيف الحال؟ |שלום עולם. )",
        1 => "(👩‍👩‍👧‍👦|👍🏽|🇩🇪🇫🇷|\u{200b}|\u{feff}|\u{c}|\u{2029}|…|\\.{1,40}|-{1,90}|[ \t]{1,600})",
    ];
    prop::collection::vec(piece, 0..160).prop_map(|pieces| pieces.concat())
}

/// Spans anywhere, valid or not, in ascending order.
fn any_spans() -> impl Strategy<Value = (Vec<HeadingSpan>, Vec<PageSpan>)> {
    let heading = (1_u8..7, 0_usize..3000, 0_usize..700);
    let headings = prop::collection::vec(heading, 0..12).prop_map(|mut spans| {
        spans.sort_by_key(|(_, start, _)| *start);
        spans
            .iter()
            .map(|&(level, start, length)| HeadingSpan { level, start, end: start + length })
            .collect()
    });
    let pages = prop::collection::vec(0_usize..3000, 0..6).prop_map(|mut starts| {
        starts.sort_unstable();
        (1..).zip(starts).map(|(number, start)| PageSpan { number, start, end: start + 1 }).collect()
    });
    (headings, pages)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_covered_within_bounds((text, (headings, pages), policy) in (any_text(), any_spans(), any_policy())) {
        let document = DocumentText { text: &text, pages: &pages, headings: &headings };
        for tokenizer in TOKENIZERS {
            let once = check(document, tokenizer, policy);
            prop_assert_eq!(once, chunks(document, tokenizer, policy).collect::<Vec<_>>());
        }
    }

    #[test]
    fn where_counts_add_up_counting_again_changes_nothing((text, policy) in (any_text(), any_policy())) {
        let document = DocumentText::plain(&text);
        let trusting = policy.with_counting(TokenCounting::AddsUpAtWhiteSpace);
        for tokenizer in [&Words as &dyn Tokenizer, &WordPieces] {
            prop_assert_eq!(check(document, tokenizer, trusting), check(document, tokenizer, policy));
        }
    }

    #[test]
    fn a_chunk_repeats_no_more_than_allowed((text, policy) in (any_text(), any_policy())) {
        let found: Vec<TextChunk> = chunks(DocumentText::plain(&text), &Words, policy).collect();
        let mut ends = Vec::new();
        for pair in found.windows(2) {
            if pair[1].start < pair[0].end {
                Words.token_ends(&text[pair[1].start..pair[0].end], &mut ends);
                prop_assert!(ends.len() <= usize::from(policy.overlap_tokens()));
            }
        }
    }
}

#[test]
fn endless_words_are_cut_in_linear_time() {
    let words =
        ["é", ".", "字", "👩‍👩‍👧‍👦", "\u{200b}", "e\u{301}", "a.", "x\t", ". a ", "\u{301}", "\n \u{c}", ".\u{a0}"];
    // Anything quadratic would take hours, even on the smaller ones.
    for (word, bytes) in [("a", 5_000_000)].into_iter().chain(words.map(|word| (word, 600_000))) {
        let text = word.repeat(bytes / word.len());
        for tokenizer in [&Words as &dyn Tokenizer, &WordPieces, &Blind] {
            let found = check(DocumentText::plain(&text), tokenizer, ChunkingPolicy::default());
            assert!(found.len() <= text.len() / 100, "{} chunks of {word:?}", found.len());
        }
    }
}

#[test]
fn white_space_alone_gives_nothing() {
    for text in ["", " ", "\n\n\n", "\u{3000}\u{a0}\u{2029}\u{c}\t\r\n"] {
        assert!(check(DocumentText::plain(text), &Words, ChunkingPolicy::default()).is_empty());
    }
    let wide = format!("a{}b", " ".repeat(1_000_000));
    assert_eq!(check(DocumentText::plain(&wide), &Words, ChunkingPolicy::default()).len(), 2);
}
