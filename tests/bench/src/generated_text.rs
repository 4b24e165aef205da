//! Deterministic pseudo-English: the same seed gives the same text on every machine. Words follow a Zipf
//! distribution over a fixed vocabulary, in sentences, paragraphs and headings. It means nothing.

/// A small, fast generator (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.next() % (most - least + 1) as u64) as usize
    }

    /// A number from 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The commonest words, so that a tokenizer sees roughly as many tokens a word as in English.
const COMMON_WORDS: &str = "the of and to in a is that for it as was with be by on not he this are or his from at \
    which but have an had they you were their one all we can her has there been if more when will would who so no \
    out up said what its about than into them only some time could these two may first then do any like my now over \
    such our man me even most made after also did many off before must well back through years where much your way \
    down should because long each just state those people too mr little good world make very year still see own \
    work men day get here old life both between being under three never know same last another while us might great \
    go come since against right came take used himself few house use place during high without again home around \
    small however found part school once general upon say every left number course war until always away public \
    something fact water though less put think almost hand enough far took head yet government system set better \
    told nothing night end why called eyes find going look asked later point knew city next program business give \
    group toward young days let room word field value process result method measure pressure report section model \
    level rate change form service interest study line force figure order power problem evidence question cost";
const RARE_WORDS: usize = 4000;
const SYLLABLES: [&str; 24] = [
    "an", "ber", "cal", "con", "der", "dis", "en", "er", "fic", "gen", "ing", "ion", "lat", "lin", "man",
    "mer", "or", "per", "pro", "ran", "sion", "ter", "tion", "ver",
];

/// Writes text out of one vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct TextGenerator {
    random: Random,
    words: Vec<String>,
    /// The summed Zipf weights up to each word.
    cumulative: Vec<f64>,
}

impl TextGenerator {
    pub(crate) fn new(seed: u64) -> Self {
        // The vocabulary is the same for all seeds: documents share their words, as in one field.
        let mut spelling = Random::new(1);
        let mut words: Vec<String> = COMMON_WORDS.split_whitespace().map(str::to_owned).collect();
        for _ in 0..RARE_WORDS {
            let syllables = spelling.between(2, 3);
            words.push((0..syllables).map(|_| SYLLABLES[spelling.between(0, SYLLABLES.len() - 1)]).collect());
        }
        let mut sum = 0.0;
        let cumulative = (1..=words.len())
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { random: Random::new(seed), words, cumulative }
    }

    /// A document of about `bytes` bytes in Markdown: a title, then sections of paragraphs.
    pub(crate) fn document(&mut self, bytes: usize) -> String {
        let mut text = format!("# {}\n\n", self.title());
        while text.len() < bytes {
            text.push_str(&format!("## {}\n\n", self.title()));
            for _ in 0..self.random.between(4, 12) {
                text.push_str(&self.paragraph());
                text.push_str("\n\n");
                if text.len() >= bytes {
                    break;
                }
            }
        }
        text
    }

    fn title(&mut self) -> String {
        let words = self.random.between(2, 5);
        capitalised(&self.run_of_words(words))
    }

    fn paragraph(&mut self) -> String {
        let sentences: Vec<String> = (0..self.random.between(3, 8)).map(|_| self.sentence()).collect();
        sentences.join(" ")
    }

    fn sentence(&mut self) -> String {
        let words = self.random.between(6, 28);
        let mut sentence = capitalised(&self.run_of_words(words));
        if words > 14
            && let Some(space) = sentence[sentence.len() / 2..].find(' ')
        {
            sentence.insert(sentence.len() / 2 + space, ',');
        }
        sentence.push('.');
        sentence
    }

    fn run_of_words(&mut self, count: usize) -> String {
        let words: Vec<&str> = (0..count)
            .map(|_| {
                let total = self.cumulative.last().copied().unwrap_or(1.0);
                let at = self.random.share() * total;
                let rank = self.cumulative.partition_point(|sum| *sum <= at);
                self.words[rank.min(self.words.len() - 1)].as_str()
            })
            .collect();
        words.join(" ")
    }
}

/// Everything here is ASCII.
fn capitalised(words: &str) -> String {
    words[..1].to_ascii_uppercase() + &words[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_text() {
        let text = TextGenerator::new(5).document(10_000);
        assert_eq!(text, TextGenerator::new(5).document(10_000));
        assert_ne!(text, TextGenerator::new(6).document(10_000));
        assert!(text.is_ascii() && (10_000..12_000).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn common_words_are_common() {
        let text = TextGenerator::new(5).document(200_000).to_lowercase();
        let count = |wanted: &str| text.split_whitespace().filter(|word| *word == wanted).count();
        assert!(count("the") > count("him") && count("the") > 10 * count("cost"));
    }
}
