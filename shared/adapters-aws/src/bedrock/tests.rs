//! Requests and answers in the published shapes, replayed: what is sent to each model, and what each failure becomes.

use std::num::NonZeroUsize;

use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingPurpose};
use serde_json::{Value, json};

use super::{BedrockConfig, BedrockEmbedder, BedrockModel, UnknownBedrockModel};
use crate::connection::replay::{Replay, Reply};

const TITAN: &str = "amazon.titan-embed-text-v2:0";
const COHERE_V3: &str = "cohere.embed-multilingual-v3";
const COHERE_V4: &str = "eu.cohere.embed-v4:0";

fn embedder(replay: &Replay, model_id: &str, dimensions: Option<u16>) -> BedrockEmbedder {
    // One request at a time, so that replies are used in the order of requests.
    let config = BedrockConfig {
        requests_max: NonZeroUsize::MIN,
        ..BedrockConfig::new(model_id, dimensions).unwrap()
    };
    BedrockEmbedder::new(replay.connection().bedrock_runtime(), config).unwrap()
}

/// A vector of some length that points along one axis.
fn axis(dimensions: usize, axis: usize) -> Vec<f32> {
    let mut values = vec![0.0; dimensions];
    values[axis] = 1.0;
    values
}

fn titan_answer(values: &[f32]) -> Reply {
    Reply::ok(
        json!({ "embedding": values, "inputTextTokenCount": 3, "embeddingsByType": { "float": values } })
            .to_string(),
    )
}

fn cohere_answer(vectors: &[Vec<f32>]) -> Reply {
    Reply::ok(
        json!({ "id": "1", "response_type": "embeddings_by_type", "embeddings": { "float": vectors } })
            .to_string(),
    )
}

fn failure(status: u16, code: &str) -> Reply {
    Reply::of(status, json!({ "message": "the text was: secret" }).to_string())
        .with_header("x-amzn-errortype", code)
}

async fn error_of(replies: Vec<Reply>) -> EmbedderError {
    let replay = Replay::of(replies);
    let error =
        embedder(&replay, TITAN, Some(256)).embed(&["a wing"], EmbeddingPurpose::Query).await.unwrap_err();
    replay.assert_used_up();
    error
}

#[tokio::test]
async fn titan_takes_one_text_a_request() {
    let replay = Replay::of([titan_answer(&axis(256, 0)), titan_answer(&axis(256, 1))]);
    let embedder = embedder(&replay, TITAN, Some(256));
    let vectors = embedder.embed(&["a wing", "a nozzle"], EmbeddingPurpose::Passage).await.unwrap();
    assert_eq!(vectors, [Embedding(axis(256, 0)), Embedding(axis(256, 1))]);
    let sent = replay.sent();
    assert_eq!(sent[0].method, "POST");
    assert_eq!(sent[0].target, "/model/amazon.titan-embed-text-v2%3A0/invoke");
    assert_eq!(sent[0].header("content-type"), Some("application/json"));
    assert_eq!(sent[0].json(), json!({ "inputText": "a wing", "dimensions": 256, "normalize": true }));
    assert_eq!(sent[1].json()["inputText"], "a nozzle");
    assert_eq!(embedder.model().id.as_str(), "amazon.titan-embed-text-v2:256");
    assert_eq!(embedder.model().dimensions, 256);
}

#[tokio::test]
async fn cohere_takes_many_texts_and_knows_passages_from_queries() {
    let first: Vec<_> = (0..96).map(|n| axis(1_024, n)).collect();
    let rest: Vec<_> = (96..100).map(|n| axis(1_024, n)).collect();
    let replay = Replay::of([cohere_answer(&first), cohere_answer(&rest), cohere_answer(&rest[..1])]);
    let embedder = embedder(&replay, COHERE_V3, None);
    let texts: Vec<_> = (0..100).map(|n| format!("text {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder.embed(&texts, EmbeddingPurpose::Passage).await.unwrap();
    let expected: Vec<_> = (0..100).map(|n| Embedding(axis(1_024, n))).collect();
    assert!(vectors == expected, "the vectors are not those of the texts");
    embedder.embed(&["a question"], EmbeddingPurpose::Query).await.unwrap();
    let sent: Vec<Value> = replay.sent().iter().map(|request| request.json()).collect();
    assert_eq!(sent[0]["texts"].as_array().unwrap().len(), 96);
    assert_eq!(sent[1]["texts"], json!(["text 96", "text 97", "text 98", "text 99"]));
    assert_eq!(sent[1]["input_type"], "search_document");
    let question = json!({
        "texts": ["a question"], "input_type": "search_query", "embedding_types": ["float"], "truncate": "END",
    });
    assert_eq!(sent[2], question);
}

#[tokio::test]
async fn cohere_v4_is_told_how_long_vectors_are() {
    let replay = Replay::of([cohere_answer(&[axis(512, 0)])]);
    let embedder = embedder(&replay, COHERE_V4, Some(512));
    embedder.embed(&["a wing"], EmbeddingPurpose::Passage).await.unwrap();
    let body = replay.sent()[0].json();
    assert_eq!((&body["output_dimension"], &body["truncate"]), (&json!(512), &json!("RIGHT")));
    assert_eq!(replay.sent()[0].target, "/model/eu.cohere.embed-v4%3A0/invoke");
    // The profile's region is no part of what vectors compare under.
    assert_eq!(embedder.model().id.as_str(), "cohere.embed-v4:512");
}

#[tokio::test]
async fn nothing_is_asked_for_no_texts() {
    let replay = Replay::of([]);
    let vectors = embedder(&replay, COHERE_V3, None).embed(&[], EmbeddingPurpose::Passage).await;
    assert_eq!(vectors, Ok(Vec::new()));
}

#[tokio::test]
async fn a_text_is_cut_to_what_the_model_takes_and_never_empty() {
    let replay = Replay::of([cohere_answer(&[axis(1_024, 0), axis(1_024, 1)])]);
    let long = "ü".repeat(3_000);
    embedder(&replay, COHERE_V3, None).embed(&[&long, ""], EmbeddingPurpose::Passage).await.unwrap();
    assert_eq!(replay.sent()[0].json()["texts"], json!(["ü".repeat(2_048), " "]));
}

#[tokio::test]
async fn throttling_says_how_long_to_wait_and_does_not_quote() {
    let throttled = || failure(429, "ThrottlingException");
    let error = error_of(vec![throttled(), throttled(), throttled()]).await;
    assert_eq!(error, EmbedderError::Throttled { retry_after_ms: Some(10_000) });
    let told = || throttled().with_header("retry-after", "7");
    let error = error_of(vec![told(), told(), told()]).await;
    assert_eq!(error, EmbedderError::Throttled { retry_after_ms: Some(7_000) });
    let quota = error_of(vec![failure(400, "ServiceQuotaExceededException")]).await;
    assert!(matches!(quota, EmbedderError::Throttled { .. }), "{quota}");
}

#[tokio::test]
async fn a_throttled_request_that_works_in_the_end_is_no_failure() {
    let replay = Replay::of([failure(429, "ThrottlingException"), titan_answer(&axis(256, 0))]);
    let vectors = embedder(&replay, TITAN, Some(256)).embed(&["a wing"], EmbeddingPurpose::Query).await;
    assert_eq!(vectors, Ok(vec![Embedding(axis(256, 0))]));
}

#[tokio::test]
async fn a_model_that_stumbles_is_unavailable() {
    for (status, code) in [
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (429, "ModelNotReadyException"),
    ] {
        let error = error_of(vec![failure(status, code), failure(status, code), failure(status, code)]).await;
        assert_eq!(error, EmbedderError::Unavailable(code.into()));
    }
    // These the client does not repeat by itself: they take long as it is.
    for (status, code) in [(408, "ModelTimeoutException"), (424, "ModelErrorException")] {
        assert_eq!(error_of(vec![failure(status, code)]).await, EmbedderError::Unavailable(code.into()));
    }
    let error = error_of(vec![Reply::Reset, Reply::Reset, Reply::Reset]).await;
    assert_eq!(error, EmbedderError::Unavailable("no answer".into()));
    // An operator can grant access; documents are not to blame.
    let error = error_of(vec![failure(403, "AccessDeniedException")]).await;
    assert_eq!(error, EmbedderError::Unavailable("AccessDeniedException".into()));
}

#[tokio::test]
async fn a_request_that_breaks_the_models_rules_is_invalid() {
    for (status, code) in [(400, "ValidationException"), (404, "ResourceNotFoundException")] {
        assert_eq!(error_of(vec![failure(status, code)]).await, EmbedderError::Invalid(code.into()));
    }
}

#[tokio::test]
async fn an_answer_of_another_count_or_length_is_invalid() {
    for answer in [cohere_answer(&[axis(1_024, 0)]), cohere_answer(&[axis(1_024, 0), axis(512, 0)])] {
        let replay = Replay::of([answer]);
        let embedder = embedder(&replay, COHERE_V3, None);
        let error = embedder.embed(&["a", "b"], EmbeddingPurpose::Passage).await.unwrap_err();
        assert!(matches!(error, EmbedderError::Invalid(_)), "{error}");
    }
}

#[test]
fn only_lengths_that_the_model_has_can_be_asked_for() {
    assert_eq!(BedrockConfig::new(TITAN, Some(1_536)), Err(UnknownBedrockModel::Dimensions(1_536)));
    assert_eq!(BedrockConfig::new(COHERE_V3, Some(256)), Err(UnknownBedrockModel::Dimensions(256)));
    assert_eq!(BedrockConfig::new("other", None), Err(UnknownBedrockModel::Id));
    let by_hand = BedrockConfig {
        model_id: "arn:aws:bedrock:eu-central-1:1:provisioned-model/x".into(),
        model: BedrockModel::TitanTextV2,
        dimensions: 384,
        requests_max: NonZeroUsize::MIN,
    };
    let client = Replay::of([]).connection().bedrock_runtime();
    assert!(matches!(BedrockEmbedder::new(client, by_hand), Err(EmbedderError::Invalid(_))));
}
