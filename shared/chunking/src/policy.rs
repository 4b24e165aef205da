//! How large chunks may be and how they overlap, and the smaller sizes that follow from it.
//! It knows no model: whoever builds a policy takes `tokens_max` from the model's limit.

/// Whether the counts of two neighbouring texts add up to the count of both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenCounting {
    /// Nothing is assumed: every chunk is counted once more after it was cut. Right for any tokenizer.
    #[default]
    Recount,
    /// The tokenizer never lets a token depend on anything beyond white space, as WordPiece does. Chunks that begin
    /// and end at white space are not counted again, which halves the work of tokenizing.
    AddsUpAtWhiteSpace,
}

/// Why a policy cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// One character can be a dozen tokens or more, so very small bounds cannot be kept.
    #[error("tokens_max is {given}, expected at least {least}")]
    TokensMaxTooSmall {
        /// What was asked for.
        given: u16,
        /// The smallest accepted.
        least: u16,
    },
    /// With a larger overlap, chunks would mostly repeat each other.
    #[error("overlap_tokens is {given}, expected at most {most}")]
    OverlapTooLarge {
        /// What was asked for.
        given: u16,
        /// Half of `tokens_max`.
        most: u16,
    },
    /// A target must leave room for the overlap and lie within the bound.
    #[error("tokens_target is {given}, expected more than {overlap} (the overlap) and at most {most}")]
    TargetOutOfRange {
        /// What was asked for.
        given: u16,
        /// The overlap it must exceed.
        overlap: u16,
        /// The bound it must not exceed.
        most: u16,
    },
}

/// Bounds on the chunks of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkingPolicy {
    tokens_max: u16,
    tokens_target: u16,
    overlap_tokens: u16,
    counting: TokenCounting,
}

const TOKENS_MAX_LEAST: u16 = 32;
/// Text has 4 to 6 bytes a token; beyond this it is padding, or one endless word that the model sees as unknown.
const BYTES_PER_TOKEN_MAX: usize = 16;

impl ChunkingPolicy {
    /// A policy with the usual target, five eighths of `tokens_max`, and no assumption about the tokenizer.
    pub fn new(tokens_max: u16, overlap_tokens: u16) -> Result<Self, InvalidPolicy> {
        if tokens_max < TOKENS_MAX_LEAST {
            return Err(InvalidPolicy::TokensMaxTooSmall { given: tokens_max, least: TOKENS_MAX_LEAST });
        }
        if overlap_tokens > tokens_max / 2 {
            return Err(InvalidPolicy::OverlapTooLarge { given: overlap_tokens, most: tokens_max / 2 });
        }
        let tokens_target = tokens_max - tokens_max / 8 * 3;
        Ok(Self { tokens_max, tokens_target, overlap_tokens, counting: TokenCounting::Recount })
    }

    /// From `tokens_target` on, a chunk ends at the best boundary before `tokens_max`. A low target gives more,
    /// smaller chunks that end at paragraphs; a target equal to `tokens_max` gives the fewest.
    pub fn with_target(self, tokens_target: u16) -> Result<Self, InvalidPolicy> {
        if tokens_target <= self.overlap_tokens || tokens_target > self.tokens_max {
            let (overlap, most) = (self.overlap_tokens, self.tokens_max);
            return Err(InvalidPolicy::TargetOutOfRange { given: tokens_target, overlap, most });
        }
        Ok(Self { tokens_target, ..self })
    }

    /// States what is known of the tokenizer.
    #[must_use]
    pub const fn with_counting(self, counting: TokenCounting) -> Self {
        Self { counting, ..self }
    }

    /// No chunk has more tokens.
    pub const fn tokens_max(&self) -> u16 {
        self.tokens_max
    }

    /// The size from which on a chunk ends at the best boundary.
    pub const fn tokens_target(&self) -> u16 {
        self.tokens_target
    }

    /// Most tokens that a chunk repeats of the one before.
    pub const fn overlap_tokens(&self) -> u16 {
        self.overlap_tokens
    }

    /// What is known of the tokenizer.
    pub const fn counting(&self) -> TokenCounting {
        self.counting
    }

    /// No chunk has more bytes, however few tokens they are.
    pub const fn bytes_max(&self) -> usize {
        self.tokens_max as usize * BYTES_PER_TOKEN_MAX
    }

    /// Most bytes that a chunk repeats of the one before, for text without tokens.
    pub(crate) const fn overlap_bytes_max(&self) -> usize {
        self.overlap_tokens as usize * BYTES_PER_TOKEN_MAX
    }

    /// From this size on, a chunk ends at the next heading of the top levels.
    pub(crate) const fn section_tokens_min(&self) -> u32 {
        self.tokens_max as u32 / 4
    }

    /// A remainder below this is not left over as a chunk of its own.
    pub(crate) const fn tail_tokens_min(&self) -> u32 {
        self.tokens_max as u32 / 8
    }
}

impl Default for ChunkingPolicy {
    /// For all-MiniLM-L6-v2: it looks at 256 tokens, two of which are its own markers; 32 tokens, one or two
    /// sentences, are repeated so that what spans a cut is whole in one chunk. Chunks of prose come out between
    /// 160 (the 124 words or so that the model was trained on) and 254 tokens.
    fn default() -> Self {
        let tokens_max = 254;
        Self {
            tokens_max,
            tokens_target: tokens_max - tokens_max / 8 * 3,
            overlap_tokens: 32,
            counting: TokenCounting::Recount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_the_constructor_gives() {
        assert_eq!(ChunkingPolicy::new(254, 32), Ok(ChunkingPolicy::default()));
    }

    #[test]
    fn sizes_that_cannot_be_kept_are_refused() {
        assert!(ChunkingPolicy::new(31, 0).is_err());
        assert!(ChunkingPolicy::new(254, 128).is_err());
        let policy = ChunkingPolicy::new(254, 32).unwrap();
        assert!(policy.with_target(32).is_err());
        assert!(policy.with_target(255).is_err());
        assert_eq!(policy.with_target(254).unwrap().tokens_target(), 254);
    }
}
