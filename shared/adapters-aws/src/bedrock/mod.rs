//! Embedding by the models of Amazon Bedrock: Titan Text Embeddings and Cohere Embed, behind the `Embedder` port.
//! `protocol` knows what each model is sent and answers; `bedrock_embedder` sends it.

mod bedrock_embedder;
mod bedrock_model;
mod failure;
mod protocol;
#[cfg(test)]
mod tests;

pub use bedrock_embedder::{BedrockConfig, BedrockEmbedder};
pub use bedrock_model::{BedrockModel, UnknownBedrockModel};
