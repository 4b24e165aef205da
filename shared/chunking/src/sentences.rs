//! Where a sentence ends, by its punctuation, in the scripts that mark it. It uses no dictionary and no word
//! model: when in doubt (initials, abbreviations) it says that the sentence goes on, for a missed end only makes
//! a unit longer, while a false one can tear a thought apart.

/// A run of closing punctuation, and whether a sentence ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Offset after the run; a scan goes on from there.
    pub(crate) end: usize,
    pub(crate) ends_sentence: bool,
}

/// Words before a full stop that seldom end a sentence, in lower case.
const ABBREVIATIONS: &[&str] = &[
    "abb", "abs", "al", "approx", "apr", "art", "aug", "bd", "bzgl", "bzw", "ca", "cap", "cf", "ch", "chap",
    "co", "col", "corp", "dec", "dept", "dr", "ed", "eds", "eq", "eqs", "est", "etc", "evtl", "ex", "feb",
    "fig", "figs", "gen", "ggf", "gov", "hon", "hr", "inc", "inkl", "jan", "jr", "jul", "jun", "kap", "lt",
    "ltd", "max", "mio", "min", "mr", "mrs", "ms", "mt", "no", "nos", "nov", "nr", "oct", "op", "p", "par",
    "pp", "prof", "ref", "refs", "rev", "sec", "sect", "sen", "sep", "sept", "sog", "sr", "st", "str", "tab",
    "tel", "univ", "usw", "vgl", "viz", "vol", "vols", "vs",
];
const ABBREVIATION_BYTES_MAX: usize = 12;
/// A longer run of stops and closing marks is a ruler or a table of contents, not the end of a sentence.
const RUN_CHARACTERS_MAX: usize = 32;

/// Whether `character` can close a sentence. Cheap, for the scan's inner loop.
pub(crate) const fn may_end_sentence(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '‽' | '؟' | '۔' | '।' | '॥' | '։' | '።' | '။' | '᠃')
        || is_wide_stop(character)
}

/// Full stops of scripts that put no space after them.
const fn is_wide_stop(character: char) -> bool {
    matches!(character, '。' | '！' | '？' | '｡' | '．' | '︒')
}

/// Quotes and brackets that still belong to the sentence before them.
const fn closes(character: char) -> bool {
    matches!(
        character,
        ')' | ']'
            | '}'
            | '"'
            | '\''
            | '”'
            | '’'
            | '»'
            | '›'
            | '」'
            | '』'
            | '）'
            | '】'
            | '》'
            | '〉'
            | '］'
            | '〕'
    )
}

/// Looks at the stop character at `at`, in a text of which the present unit began at `unit_start`.
pub(crate) fn stop_at(text: &str, unit_start: usize, at: usize) -> Stop {
    let mut end = at;
    let mut wide = false;
    let mut stops = 0;
    for character in text[at..].chars().take(RUN_CHARACTERS_MAX) {
        if may_end_sentence(character) {
            stops += 1;
            wide |= is_wide_stop(character);
        } else if !closes(character) {
            break;
        }
        end += character.len_utf8();
    }
    Stop { end, ends_sentence: wide || ends_before_space(text, unit_start, at, end, stops) }
}

fn ends_before_space(text: &str, unit_start: usize, at: usize, end: usize, stops: usize) -> bool {
    let after = &text[end..];
    match after.chars().next() {
        None => return true,
        Some(character) if !character.is_whitespace() => return false,
        Some(_) => {}
    }
    // Text out of corpora often has its words set apart: "in the end . then".
    if text[unit_start..at].ends_with(char::is_whitespace) {
        return true;
    }
    // "approx. three", "Why?" she asked.
    if after.trim_start().chars().next().is_some_and(char::is_lowercase) {
        return false;
    }
    let single_full_stop = stops == 1 && text[at..].starts_with('.');
    !(single_full_stop && is_abbreviated(&text[unit_start..at]))
}

/// Whether the last word of `before`, which a full stop follows, is an abbreviation, an initial or an ordinal.
fn is_abbreviated(before: &str) -> bool {
    let from = before.floor_char_boundary(before.len().saturating_sub(ABBREVIATION_BYTES_MAX + 1));
    let near = &before[from..];
    let opens =
        |character: char| character.is_whitespace() || matches!(character, '(' | '[' | '"' | '“' | '„' | '/');
    let word = near.rfind(opens).map_or(near, |at| near[at..].trim_start_matches(opens));
    if word.is_empty() || word.len() > ABBREVIATION_BYTES_MAX {
        return false;
    }
    // "1. Install" at the beginning of a unit is a list's number.
    if word.len() == before.len() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    // "J. Smith", "e.g. Paris", "U.S. Navy".
    if word.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic)) {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    ABBREVIATIONS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
        while let Some(character) = text[at..].chars().next() {
            at += character.len_utf8();
            if may_end_sentence(character) {
                let stop = stop_at(text, start, at - character.len_utf8());
                at = stop.end;
                if stop.ends_sentence {
                    found.push(text[start..at].trim());
                    start = at + text[at..].len() - text[at..].trim_start().len();
                    at = start;
                }
            }
        }
        if start < text.len() {
            found.push(text[start..].trim());
        }
        found
    }

    #[test]
    fn abbreviations_and_initials_do_not_end_a_sentence() {
        let text = "Dr. J. Smith et al. Found it in Fig. 3 of the U.S. Report (vol. 2). It cost 3.50 approx. nothing.";
        assert_eq!(sentences(text).len(), 2, "{:?}", sentences(text));
    }

    #[test]
    fn quotes_belong_to_their_sentence() {
        assert_eq!(
            sentences("\"Go!\" He went. (Really?) Yes."),
            ["\"Go!\"", "He went.", "(Really?)", "Yes."]
        );
        assert_eq!(sentences("\"Why?\" she asked. Then..."), ["\"Why?\" she asked.", "Then..."]);
    }

    #[test]
    fn scripts_without_spaces_and_with_other_stops() {
        assert_eq!(sentences("今日は晴れ。「明日は雨。」そうですか？はい。").len(), 4);
        assert_eq!(sentences("हाँ। नहीं।").len(), 2);
        assert_eq!(sentences("نعم؟ لا. ربما.").len(), 3);
    }

    #[test]
    fn a_stop_set_apart_ends_its_sentence_whatever_follows() {
        assert_eq!(sentences("a drag of 3 mg. of air . the flow . more").len(), 3);
    }

    #[test]
    fn a_list_number_stays_with_its_item() {
        assert_eq!(sentences("1. Install it. 2. Run it."), ["1. Install it.", "2. Run it."]);
    }
}
