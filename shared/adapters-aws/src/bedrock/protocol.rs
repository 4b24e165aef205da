//! What the models are sent and what they answer. No connection is made here.

use millrace_ports::{EmbedderError, Embedding, EmbeddingPurpose};
use serde::{Deserialize, Serialize};

use super::bedrock_model::BedrockModel;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TitanRequest<'a> {
    input_text: &'a str,
    dimensions: u16,
    normalize: bool,
}

#[derive(Deserialize)]
struct TitanAnswer {
    embedding: Vec<f32>,
}

#[derive(Serialize)]
struct CohereRequest<'a> {
    texts: &'a [&'a str],
    input_type: &'static str,
    embedding_types: [&'static str; 1],
    truncate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u16>,
}

#[derive(Deserialize)]
struct CohereAnswer {
    embeddings: CohereEmbeddings,
}

/// By type if types were asked for; plain from older deployments of v3.
#[derive(Deserialize)]
#[serde(untagged)]
enum CohereEmbeddings {
    ByType { float: Vec<Vec<f32>> },
    Plain(Vec<Vec<f32>>),
}

/// The body of a request for not more texts than the model takes.
pub(crate) fn request(
    model: BedrockModel,
    dimensions: u16,
    texts: &[&str],
    purpose: EmbeddingPurpose,
) -> Result<Vec<u8>, EmbedderError> {
    let body = match model {
        BedrockModel::TitanTextV2 => {
            let [text] = texts else {
                return Err(EmbedderError::Invalid(format!(
                    "{} texts for a model that takes one",
                    texts.len()
                )));
            };
            serde_json::to_vec(&TitanRequest { input_text: text, dimensions, normalize: true })
        }
        BedrockModel::CohereEnglishV3 | BedrockModel::CohereMultilingualV3 => {
            serde_json::to_vec(&cohere(texts, purpose, "END", None))
        }
        BedrockModel::CohereV4 => serde_json::to_vec(&cohere(texts, purpose, "RIGHT", Some(dimensions))),
    };
    body.map_err(|error| EmbedderError::Invalid(error.to_string()))
}

fn cohere<'a>(
    texts: &'a [&'a str],
    purpose: EmbeddingPurpose,
    truncate: &'static str,
    output_dimension: Option<u16>,
) -> CohereRequest<'a> {
    let input_type = match purpose {
        EmbeddingPurpose::Passage => "search_document",
        EmbeddingPurpose::Query => "search_query",
    };
    CohereRequest { texts, input_type, embedding_types: ["float"], truncate, output_dimension }
}

/// The vectors of an answer in the order of the texts, at unit length.
pub(crate) fn read(
    model: BedrockModel,
    body: &[u8],
    texts: usize,
    dimensions: u16,
) -> Result<Vec<Embedding>, EmbedderError> {
    let vectors = match model {
        BedrockModel::TitanTextV2 => {
            serde_json::from_slice::<TitanAnswer>(body).map(|answer| vec![answer.embedding])
        }
        BedrockModel::CohereEnglishV3 | BedrockModel::CohereMultilingualV3 | BedrockModel::CohereV4 => {
            serde_json::from_slice::<CohereAnswer>(body).map(|answer| match answer.embeddings {
                CohereEmbeddings::ByType { float } | CohereEmbeddings::Plain(float) => float,
            })
        }
    };
    // A cut or garbled answer says nothing about the request.
    let vectors =
        vectors.map_err(|error| EmbedderError::Unavailable(format!("unreadable answer: {error}")))?;
    if vectors.len() != texts {
        return Err(EmbedderError::Invalid(format!("{} vectors for {texts} texts", vectors.len())));
    }
    vectors.into_iter().map(|vector| at_unit_length(vector, dimensions)).collect()
}

fn at_unit_length(mut vector: Vec<f32>, dimensions: u16) -> Result<Embedding, EmbedderError> {
    if vector.len() != usize::from(dimensions) {
        return Err(EmbedderError::Invalid(format!("{} dimensions instead of {dimensions}", vector.len())));
    }
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
    if !length.is_normal() {
        return Err(EmbedderError::Invalid("a vector without direction".to_owned()));
    }
    vector.iter_mut().for_each(|x| *x /= length);
    Ok(Embedding(vector))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: BedrockModel = BedrockModel::CohereV4;

    #[test]
    fn vectors_come_in_order_and_at_unit_length() {
        let expected = vec![Embedding(vec![0.6, 0.8]), Embedding(vec![0.0, 1.0])];
        for body in [
            r#"{"id":"1","texts":["a","b"],"response_type":"embeddings_by_type","embeddings":{"float":[[3,4],[0,2]]}}"#,
            r#"{"id":"1","texts":["a","b"],"response_type":"embeddings_floats","embeddings":[[3,4],[0,2]]}"#,
        ] {
            assert_eq!(read(V4, body.as_bytes(), 2, 2), Ok(expected.clone()), "{body}");
        }
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        for body in [
            r#"{"embeddings":[[1,0]]}"#,
            r#"{"embeddings":[[1,0],[1,0],[1,0]]}"#,
            r#"{"embeddings":[[1,0],[1,0,0]]}"#,
            r#"{"embeddings":[[1,0],[0,0]]}"#,
        ] {
            assert!(matches!(read(V4, body.as_bytes(), 2, 2), Err(EmbedderError::Invalid(_))), "{body}");
        }
        for body in [r#"{"embeddings":[[1,0]"#, "<html>", r#"{"embeddings":{"int8":[[1,0],[1,0]]}}"#] {
            assert!(matches!(read(V4, body.as_bytes(), 2, 2), Err(EmbedderError::Unavailable(_))), "{body}");
        }
        let titan = read(BedrockModel::TitanTextV2, br#"{"embedding":[1,0,0]}"#, 1, 2);
        assert!(matches!(titan, Err(EmbedderError::Invalid(_))));
    }
}
