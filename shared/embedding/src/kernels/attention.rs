//! Self-attention of one text, head by head: `softmax(Q K^T / sqrt d) V`, all tokens to all tokens.
//! A text is never padded and never sees another one.

use archmage::prelude::*;

/// Numbers per head.
pub(super) const HEAD: usize = 32;

/// Buffers that are used again for each text.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    /// The keys of one head, one row per number, columns padded.
    keys: Vec<f32>,
    /// The values of one head, one row per token.
    values: Vec<f32>,
    /// The attention of one token.
    weights: Vec<f32>,
    #[cfg(target_arch = "x86_64")]
    integers: super::attention_avx512::Scratch,
}

/// `qkv` holds per token the queries, keys and values of all heads; `out` receives per token the heads' results.
pub(crate) fn attend(qkv: &[f32], width: usize, out: &mut [f32], scratch: &mut AttentionScratch) {
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = X64V4xToken::summon() {
        return super::attention_avx512::attend_v4x(token, qkv, width, out, &mut scratch.integers);
    }
    attend_portable(qkv, width, out, scratch);
}

#[autoversion(v3, neon, scalar)]
fn attend_portable(qkv: &[f32], width: usize, out: &mut [f32], scratch: &mut AttentionScratch) {
    const LANES: usize = 32;
    let tokens = out.len() / width;
    let padded = tokens.next_multiple_of(LANES);
    scratch.keys.clear();
    scratch.keys.resize(HEAD * padded, 0.0);
    scratch.values.resize(tokens * HEAD, 0.0);
    scratch.weights.resize(padded, 0.0);
    let AttentionScratch { keys, values, weights, .. } = scratch;
    for head in 0..width / HEAD {
        let at = head * HEAD;
        for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
            for d in 0..HEAD {
                keys[d * padded + token] = row[width + at + d];
            }
            values[token * HEAD..][..HEAD].copy_from_slice(&row[2 * width + at..][..HEAD]);
        }
        for (query, out) in qkv.chunks_exact(3 * width).zip(out.chunks_exact_mut(width)) {
            let query = &query[at..at + HEAD];
            for first in (0..padded).step_by(LANES) {
                let mut sums = [0.0_f32; LANES];
                for (d, q) in query.iter().enumerate() {
                    let keys = &keys[d * padded + first..][..LANES];
                    for lane in 0..LANES {
                        sums[lane] += q * keys[lane];
                    }
                }
                weights[first..first + LANES].copy_from_slice(&sums);
            }
            let total = softmax(&mut weights[..tokens]);
            let mut sums = [0.0_f32; HEAD];
            for (weight, value) in weights.iter().zip(values.as_chunks::<HEAD>().0) {
                for d in 0..HEAD {
                    sums[d] += weight * value[d];
                }
            }
            for d in 0..HEAD {
                out[at + d] = sums[d] / total;
            }
        }
    }
}

/// Replaces scores by `exp((score - highest) / sqrt d)` and returns their sum.
#[inline(always)]
fn softmax(scores: &mut [f32]) -> f32 {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let scale = std::f32::consts::LOG2_E / (HEAD as f32).sqrt();
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = power_of_two((*score - highest) * scale);
    }
    for score in scores {
        total += *score;
    }
    total
}

/// Coefficients of `2^x` on [-0.5, 0.5], lowest power first: the Taylor series `(x ln 2)^n / n!`, relative error
/// below 3e-6.
pub(super) const POWER_OF_TWO: [f32; 6] =
    [1.0, std::f32::consts::LN_2, 0.240_226_5, 0.055_504_11, 0.009_618_13, 0.001_333_36];

/// `2^x` for `x <= 0`; zero below the range of floats.
#[inline(always)]
fn power_of_two(x: f32) -> f32 {
    let x = if x < -126.0 { -126.0 } else { x };
    let whole = x.round_ties_even();
    let part = x - whole;
    let p = POWER_OF_TWO.iter().rev().fold(0.0, |sum, &a| sum * part + a);
    p * f32::from_bits(((whole as i32 + 127) << 23).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_agree() {
        let width = 2 * HEAD;
        for tokens in [1, 2, 3, 4, 5, 16, 31, 32, 33, 100] {
            let qkv: Vec<f32> =
                (0..tokens * 3 * width).map(|i| ((i * i) as f32 * 0.37).sin() * 2.0).collect();
            let mut scratch = AttentionScratch::default();
            let (mut portable, mut chosen) = (vec![0.0; tokens * width], vec![0.0; tokens * width]);
            attend_portable(&qkv, width, &mut portable, &mut scratch);
            attend(&qkv, width, &mut chosen, &mut scratch);
            let greatest = portable.iter().zip(&chosen).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(greatest < 0.03, "{tokens} tokens: {greatest}");
        }
    }

    #[test]
    fn one_token_attends_to_itself() {
        let qkv: Vec<f32> = (0..3 * HEAD).map(|i| i as f32 / 10.0).collect();
        let mut out = vec![0.0; HEAD];
        attend(&qkv, HEAD, &mut out, &mut AttentionScratch::default());
        for (out, value) in out.iter().zip(&qkv[2 * HEAD..]) {
            assert!((out - value).abs() < 0.04, "{out} {value}");
        }
    }
}
