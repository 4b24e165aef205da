//! Damages an input: flips, cuts, repeats, splices, and puts in words of its format and numbers at the edge of their
//! types. It knows nothing of any format but the words it is given; archives are taken apart in `package.rs`.

use crate::random::Random;

/// Longest input that a mutation makes, unless its seed was longer.
pub const MUTATED_BYTES_MAX: usize = 256 << 10;
const STEPS_MAX: usize = 6;
const REPEATS_MAX: usize = 400;
const INTERESTING_BYTES: [u8; 16] =
    [0, 1, 0x7f, 0x80, 0xff, b'<', b'>', b'"', b'\'', b'&', b'\\', b'{', b'}', b'(', b'\n', 0xed];
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "127",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
];

/// A damaged copy of `seed`. `other` is what pieces are taken from; `words` are what the format is made of.
#[must_use]
pub fn mutate(seed: &[u8], other: &[u8], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(STEPS_MAX) {
        step(&mut bytes, other, words, random);
        bytes.truncate(MUTATED_BYTES_MAX.max(seed.len()));
    }
    bytes
}

fn step(bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(11) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = *random.pick(&INTERESTING_BYTES),
        2 => drop(bytes.drain(range(at, bytes.len(), random))),
        3 => bytes.truncate(at),
        4 => {
            let piece = bytes[range(at, bytes.len(), random)].to_vec();
            insert(bytes, random, &piece);
        }
        5 => {
            let piece = bytes[range(at, bytes.len(), random)].to_vec();
            repeat(bytes, random, &piece);
        }
        6 => {
            let start = random.below(other.len() + 1);
            let piece = other[range(start, other.len(), random)].to_vec();
            insert(bytes, random, &piece);
        }
        7 => renumber(bytes, at, random),
        8 if !words.is_empty() => {
            let word = random.pick(words).to_vec();
            repeat(bytes, random, &word);
        }
        _ if !words.is_empty() => {
            let word = random.pick(words).to_vec();
            insert(bytes, random, &word);
        }
        _ => {}
    }
}

/// A range from `start` on: mostly short, now and then up to the end.
fn range(start: usize, length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let most = if random.below(4) == 0 { length } else { 64 };
    start..length.min(start + random.below(most + 1))
}

fn insert(bytes: &mut Vec<u8>, random: &mut Random, piece: &[u8]) {
    let at = random.below(bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}

fn repeat(bytes: &mut Vec<u8>, random: &mut Random, piece: &[u8]) {
    let times = (MUTATED_BYTES_MAX / piece.len().max(1)).min(1 + random.below(REPEATS_MAX));
    insert(bytes, random, &piece.repeat(times));
}

/// Puts another number in the place of the first one behind `at`.
fn renumber(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.splice(start..start + length, random.pick(&NUMBERS).bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_index_make_the_same_input() {
        let make = |index| mutate(b"{\"a\": 12}", b"[1, 2]", &[b"null"], &mut Random::new(7, index));
        assert_eq!(make(3), make(3));
        let different = (0..50).map(make).collect::<std::collections::HashSet<_>>();
        assert!(different.len() > 40, "only {} inputs of 50 differ", different.len());
    }

    #[test]
    fn an_empty_seed_and_no_words_are_no_obstacle() {
        for index in 0..200 {
            let made = mutate(b"", b"", &[], &mut Random::new(1, index));
            assert!(made.len() <= MUTATED_BYTES_MAX);
        }
    }
}
