//! Which models there are, and what each of them takes.

/// Most tokens of a passage, for every model. They would look at more; passages of this length are found better, and fit
/// beside their vector in the index.
const PASSAGE_TOKENS_MAX: u16 = 512;

/// A model for embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BedrockModel {
    /// Titan Text Embeddings v2: 256, 512 or 1,024 dimensions, one text a request.
    TitanTextV2,
    /// Cohere Embed English v3: 1,024 dimensions.
    CohereEnglishV3,
    /// Cohere Embed Multilingual v3: 1,024 dimensions.
    CohereMultilingualV3,
    /// Cohere Embed v4: 256, 512, 1,024 or 1,536 dimensions.
    CohereV4,
}

/// Why a text names no model that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownBedrockModel {
    /// No model that is known here has such an id.
    #[error(
        "unknown embedding model: expected titan-embed-text-v2, cohere.embed-english-v3, cohere.embed-multilingual-v3 or cohere.embed-v4"
    )]
    Id,
    /// The model has no vectors of this length.
    #[error("the model has no vectors of {0} dimensions")]
    Dimensions(u16),
}

impl BedrockModel {
    /// The model behind an id, an inference profile (`eu.cohere.embed-v4:0`) or the ARN of either.
    ///
    /// # Errors
    /// If no known model's name is part of it.
    pub fn of_id(model_id: &str) -> Result<Self, UnknownBedrockModel> {
        let known = [Self::TitanTextV2, Self::CohereEnglishV3, Self::CohereMultilingualV3, Self::CohereV4];
        known.into_iter().find(|model| model_id.contains(model.name())).ok_or(UnknownBedrockModel::Id)
    }

    /// The part of its ids that is the same everywhere. Vectors of the same name and length compare.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TitanTextV2 => "amazon.titan-embed-text-v2",
            Self::CohereEnglishV3 => "cohere.embed-english-v3",
            Self::CohereMultilingualV3 => "cohere.embed-multilingual-v3",
            Self::CohereV4 => "cohere.embed-v4",
        }
    }

    /// The lengths of vectors to choose from.
    pub const fn dimensions(self) -> &'static [u16] {
        match self {
            Self::TitanTextV2 => &[256, 512, 1_024],
            Self::CohereEnglishV3 | Self::CohereMultilingualV3 => &[1_024],
            Self::CohereV4 => &[256, 512, 1_024, 1_536],
        }
    }

    /// Most tokens of a passage.
    pub(crate) const fn tokens_max(self) -> u16 {
        PASSAGE_TOKENS_MAX
    }

    /// Most texts of one request.
    pub(crate) const fn texts_max(self) -> usize {
        match self {
            Self::TitanTextV2 => 1,
            Self::CohereEnglishV3 | Self::CohereMultilingualV3 | Self::CohereV4 => 96,
        }
    }

    /// Most characters of one text; what is beyond is cut off, as the models do themselves beyond their tokens.
    pub(crate) const fn characters_max(self) -> usize {
        match self {
            Self::TitanTextV2 => 50_000,
            Self::CohereEnglishV3 | Self::CohereMultilingualV3 => 2_048,
            // It takes far more; a request of 96 texts stays below what an invocation takes.
            Self::CohereV4 => 50_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_any_of_its_ids() {
        for (id, model) in [
            ("amazon.titan-embed-text-v2:0", BedrockModel::TitanTextV2),
            ("cohere.embed-english-v3", BedrockModel::CohereEnglishV3),
            ("cohere.embed-multilingual-v3", BedrockModel::CohereMultilingualV3),
            ("eu.cohere.embed-v4:0", BedrockModel::CohereV4),
            ("arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-v4:0", BedrockModel::CohereV4),
        ] {
            assert_eq!(BedrockModel::of_id(id), Ok(model), "{id}");
        }
        for id in ["", "amazon.titan-embed-text-v1", "cohere.command-r-v1:0"] {
            assert_eq!(BedrockModel::of_id(id), Err(UnknownBedrockModel::Id), "{id}");
        }
    }
}
