//! Fuses two kinds of evidence into one score: each min-max normalised over the candidates, then summed.

use millrace_ports::Candidate;

/// The score of each candidate, from 0 to 2, in the order given.
pub fn fuse(candidates: &[Candidate]) -> Vec<f32> {
    let words = normalised(candidates.iter().map(|candidate| Some(candidate.words)));
    let meaning = normalised(candidates.iter().map(|candidate| candidate.similarity));
    words.into_iter().zip(meaning).map(|(words, meaning)| words + meaning).collect()
}

fn normalised(values: impl Iterator<Item = Option<f32>> + Clone) -> Vec<f32> {
    let bounds = values
        .clone()
        .flatten()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let span = bounds.1 - bounds.0;
    let scale = |value: f32| if span > 0.0 { (value - bounds.0) / span } else { 0.0 };
    values.map(|value| value.map_or(0.0, scale)).collect()
}
