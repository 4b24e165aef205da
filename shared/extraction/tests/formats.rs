//! Every sample document through the parsers in this process: what is read is right in words, pages,
//! headings and shape; what must be refused is refused for the right reason. The child process is
//! tested in `killable_child.rs`.

use std::sync::LazyLock;

use millrace_extraction::{check_extracted_text, extract_bytes, samples};
use millrace_ports::{ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits};
use proptest::prelude::*;

/// Encrypting is slow in debug builds: the samples are made once.
static READABLE: LazyLock<Vec<samples::Sample>> = LazyLock::new(samples::readable);

fn extract(
    filename: &str,
    bytes: &[u8],
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let hints = ExtractionHints { filename: Some(filename.to_owned()), declared_media_type: None };
    extract_bytes(bytes, &hints, limits)
}

fn kind(error: &ExtractionError) -> String {
    let value = serde_json::to_value(error).expect("errors serialise");
    value["kind"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_readable_sample_is_read() {
    for sample in READABLE.iter() {
        let extracted = extract(sample.filename, &sample.bytes, &ExtractionLimits::default())
            .unwrap_or_else(|error| panic!("{}: {error}", sample.filename));
        check_extracted_text(&extracted).unwrap_or_else(|broken| panic!("{}: {broken}", sample.filename));
        assert_eq!(extracted.media_type, sample.media_type, "{}", sample.filename);
        let mut from = 0;
        for phrase in &sample.phrases {
            let at = extracted.text[from..].find(phrase);
            let at = at.unwrap_or_else(|| {
                panic!("{}: {phrase:?} is not in order in {:?}", sample.filename, extracted.text)
            });
            from += at + phrase.len();
        }
        assert_eq!(extracted.pages.len(), sample.pages, "pages of {}", sample.filename);
        let headings: Vec<_> =
            extracted.headings.iter().map(|heading| &extracted.text[heading.start..heading.end]).collect();
        assert_eq!(headings, sample.headings, "headings of {}", sample.filename);
    }
}

#[test]
fn every_hostile_sample_is_refused_for_its_reason() {
    for sample in samples::refused() {
        let error = extract(sample.filename, &sample.bytes, &ExtractionLimits::default())
            .expect_err(&format!("{} was not refused", sample.filename));
        assert_eq!(kind(&error), sample.error_kind, "{}: {error}", sample.filename);
    }
}

#[test]
fn hidden_and_withdrawn_text_is_left_out() {
    for (sample, absent) in
        [(samples::html(), ["secret", "About"]), (samples::docx(), ["withdrawn", "delText"])]
    {
        let text = extract(sample.filename, &sample.bytes, &ExtractionLimits::default()).unwrap().text;
        assert!(absent.iter().all(|word| !text.contains(word)), "{text}");
    }
}

#[test]
fn the_page_limit_holds() {
    let limits = ExtractionLimits { pages_max: 1, ..ExtractionLimits::default() };
    for sample in [samples::pdf(), samples::docx(), samples::pptx(), samples::xlsx(), samples::epub()] {
        let refused = extract(sample.filename, &sample.bytes, &limits);
        assert!(matches!(refused, Err(ExtractionError::TooManyPages(_))), "{}: {refused:?}", sample.filename);
    }
}

#[test]
fn the_text_limit_holds() {
    let limits = ExtractionLimits { text_bytes_max: 12, ..ExtractionLimits::default() };
    for sample in READABLE.iter() {
        let refused = extract(sample.filename, &sample.bytes, &limits);
        assert!(matches!(refused, Err(ExtractionError::TooLarge(_))), "{}: {refused:?}", sample.filename);
    }
}

#[test]
fn the_input_limit_holds() {
    let limits = ExtractionLimits { input_bytes_max: 3, ..ExtractionLimits::default() };
    assert!(matches!(extract("a.txt", b"four", &limits), Err(ExtractionError::TooLarge(_))));
}

#[test]
fn pages_read_in_parallel_come_out_in_order_and_the_same_each_time() {
    let bytes = samples::pdf_of_pages(60);
    let first = extract("long.pdf", &bytes, &ExtractionLimits::default()).unwrap();
    check_extracted_text(&first).unwrap();
    for (index, page) in first.pages.iter().enumerate() {
        let expected = format!("This is page number {} of the long report.", index + 1);
        assert_eq!(&first.text[page.start..page.end], expected);
    }
    assert_eq!(extract("long.pdf", &bytes, &ExtractionLimits::default()).unwrap(), first);
}

#[test]
fn a_document_cut_anywhere_is_an_error_or_a_well_formed_text() {
    for sample in READABLE.iter() {
        for keep in (1..8).map(|part| sample.bytes.len() * part / 8) {
            if let Ok(extracted) =
                extract(sample.filename, &sample.bytes[..keep], &ExtractionLimits::default())
            {
                check_extracted_text(&extracted)
                    .unwrap_or_else(|broken| panic!("{} cut at {keep}: {broken}", sample.filename));
            }
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a.txt", "a.md", "a.csv", "a.json", "a.html", "a.eml", "a.rtf", "a.xml", "a"])
        .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_keeps_the_promises(name in any_name(), text in "\\PC{0,80}([ \\n\\r\\t\\x00#<>&;=\\-\"',|{}\\[\\]\\\\]{0,8}\\PC{0,20}){0,8}") {
        if let Ok(extracted) = extract(&name, text.as_bytes(), &ExtractionLimits::default()) {
            prop_assert_eq!(check_extracted_text(&extracted), Ok(()), "{:?}", extracted);
        }
    }

    #[test]
    fn any_markup_keeps_the_promises(pieces in prop::collection::vec(prop::sample::select(vec![
        "<h1>", "</h1>", "<p>", "</p>", "<ul><li>", "</ul>", "<table><tr><td>", "<td>", "</table>", "<pre>", "</pre>", "\n", " ", "word", "é 😀",
        "&nbsp;", "&#x2029;", "\u{b}", "<br>", "<title>", "</title>", "<div hidden>", "</div>", "# ", "---\n", "===\n", "```\n", "\n\n\n",
    ]), 0..40), name in any_name()) {
        let text = pieces.concat();
        if let Ok(extracted) = extract(&name, text.as_bytes(), &ExtractionLimits::default()) {
            prop_assert_eq!(check_extracted_text(&extracted), Ok(()), "{:?}", extracted);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_samples_are_an_error_or_keep_the_promises(which in 0usize..19, at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let sample = &READABLE[which];
        let mut bytes = sample.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(extracted) = extract(sample.filename, &bytes, &ExtractionLimits::default()) {
            prop_assert_eq!(check_extracted_text(&extracted), Ok(()), "{:?}", extracted);
        }
    }
}
