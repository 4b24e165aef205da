//! The vocabulary, and how a word is taken apart with it. Knows nothing of where words come from.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::model::ModelFileError;

/// Pieces by text.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Pieces that begin a word.
    first: FxHashMap<Box<str>, u32>,
    /// Pieces that continue one, without their prefix.
    next: FxHashMap<Box<str>, u32>,
    /// Bytes of the longest piece.
    piece_bytes_max: usize,
    /// Words of more characters are not taken apart.
    word_chars_max: usize,
    unknown: u32,
    start: u32,
    end: u32,
    /// Texts that are one token wherever they stand, before anything else is done.
    literals: Vec<(String, u32)>,
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Normalizer,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: FxHashMap<String, u32>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

impl Vocabulary {
    pub(super) fn from_json(json: &[u8]) -> Result<Self, ModelFileError> {
        let malformed = |what: &str| ModelFileError::Tokenizer(what.to_owned());
        let file: File = serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))?;
        let (model, normalizer) = (file.model, file.normalizer);
        let known = model.kind == "WordPiece"
            && normalizer.kind == "BertNormalizer"
            && normalizer.clean_text
            && normalizer.handle_chinese_chars
            && normalizer.lowercase
            && normalizer.strip_accents.unwrap_or(true);
        if !known {
            return Err(malformed("another model or normaliser"));
        }
        let id = |token: &str| model.vocab.get(token).copied().ok_or_else(|| malformed("no marker tokens"));
        let (unknown, start, end) = (id(&model.unk_token)?, id("[CLS]")?, id("[SEP]")?);
        let (mut first, mut next) = (FxHashMap::default(), FxHashMap::default());
        let mut piece_bytes_max = 0;
        for (piece, id) in model.vocab {
            let (map, piece) = match piece.strip_prefix(&model.continuing_subword_prefix) {
                Some(rest) if !rest.is_empty() => (&mut next, rest),
                _ => (&mut first, piece.as_str()),
            };
            piece_bytes_max = piece_bytes_max.max(piece.len());
            map.insert(piece.into(), id);
        }
        let literals = file.added_tokens.into_iter().map(|token| (token.content, token.id)).collect();
        let word_chars_max = model.max_input_chars_per_word;
        Ok(Self { first, next, piece_bytes_max, word_chars_max, unknown, start, end, literals })
    }

    pub(super) fn start(&self) -> u32 {
        self.start
    }

    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn literals(&self) -> &[(String, u32)] {
        &self.literals
    }

    /// Calls `each` with the pieces of a word, always the longest that fits, or with the one unknown token if
    /// a part fits none. `ends` tells for each byte of the word where its origin ends. Returns what `each` last did.
    pub(super) fn pieces(
        &self,
        word: &str,
        ends: &[usize],
        each: &mut impl FnMut(u32, usize) -> bool,
    ) -> bool {
        let Some(&word_end) = ends.last() else { return true };
        // Most words are a piece.
        if let Some(&id) = self.first.get(word)
            && word.len() <= self.word_chars_max
        {
            return each(id, word_end);
        }
        let mut found = [(0_u32, 0_usize); 128];
        let mut count = 0;
        let mut at = 0;
        let too_long = word.len() > self.word_chars_max && word.chars().count() > self.word_chars_max;
        while at < word.len() {
            let map = if at == 0 { &self.first } else { &self.next };
            let piece = if too_long { None } else { self.longest(map, &word[at..]) };
            let (Some((id, length)), true) = (piece, count < found.len()) else {
                return each(self.unknown, word_end);
            };
            at += length;
            found[count] = (id, ends[at - 1]);
            count += 1;
        }
        found[..count].iter().all(|&(id, end)| each(id, end))
    }

    /// The longest piece that `rest` begins with, and its bytes.
    fn longest(&self, map: &FxHashMap<Box<str>, u32>, rest: &str) -> Option<(u32, usize)> {
        (1..=rest.len().min(self.piece_bytes_max))
            .rev()
            .filter(|&length| rest.is_char_boundary(length))
            .find_map(|length| map.get(&rest[..length]).map(|&id| (id, length)))
    }
}
