//! Path, query and JSON parameters, with refusals as problems. axum's extractors do the reading; here their refusals get
//! codes. What the values mean is the routes' business.

use std::fmt;
use std::marker::PhantomData;

use axum::body::HttpBody as _;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::{Json, RequestExt as _};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use millrace_application::CompleteError;
use millrace_domain::{CollectionName, DocumentId, UploadName};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::context::ApiState;
use crate::problem::{Problem, ProblemCode};

/// Largest JSON body.
pub(crate) const JSON_BYTES_MAX: usize = 64 * 1024;

/// The document id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentPath(pub(crate) DocumentId);

impl FromRequestParts<ApiState> for DocumentPath {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(ProblemCode::InvalidDocumentId, detail);
        let path = Path::<String>::from_request_parts(head, api).await;
        let Path(text) = path.map_err(|_| invalid("the path is not percent-encoded UTF-8".into()))?;
        text.parse().map(Self).map_err(|error: millrace_domain::InvalidId| invalid(error.to_string()))
    }
}

/// The upload's name in the path. One that cannot be a name is no upload's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadPath(pub(crate) UploadName);

impl FromRequestParts<ApiState> for UploadPath {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(head, api).await;
        let name = path.ok().and_then(|Path(text)| text.parse().ok());
        name.map(Self).ok_or_else(|| CompleteError::NotFound.into())
    }
}

/// The collection's name in the path. One that cannot be a name is no collection's.
#[derive(Debug, Clone)]
pub(crate) struct CollectionPath(pub(crate) CollectionName);

impl FromRequestParts<ApiState> for CollectionPath {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let Path(text) =
            Path::<String>::from_request_parts(head, api).await.unwrap_or_else(|_| Path(String::new()));
        CollectionName::new(&*text).map(Self).map_err(|_| Problem::collection_not_found(&text))
    }
}

/// Query parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(head, api).await;
        query.map(|Query(value)| Self(value)).map_err(|rejection| {
            let detail = match rejection {
                QueryRejection::FailedToDeserializeQueryString(error) => without_prefix(&error.body_text()),
                other => other.body_text(),
            };
            Problem::new(ProblemCode::InvalidQuery, detail)
        })
    }
}

/// A JSON body of at most `JSON_BYTES_MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<ApiState> for JsonOf<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, Problem> {
        let declared = request.headers().get(CONTENT_TYPE).cloned();
        let body: Result<Json<Object<T>>, JsonRejection> = request.extract().await;
        let refuse = |code, text: &str| Err(Problem::new(code, text));
        match body {
            Ok(Json(Object(value))) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let declared = declared.as_ref().map_or("none", |value| value.to_str().unwrap_or("another"));
                let detail =
                    format!("send JSON with Content-Type: application/json; the request declares {declared}");
                refuse(ProblemCode::UnsupportedContentType, &detail)
            }
            Err(JsonRejection::JsonSyntaxError(error)) => {
                refuse(ProblemCode::MalformedJson, &without_prefix(&error.body_text()))
            }
            Err(JsonRejection::JsonDataError(error)) => {
                refuse(ProblemCode::InvalidMember, &without_prefix(&error.body_text()))
            }
            Err(JsonRejection::BytesRejection(error))
                if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE =>
            {
                refuse(
                    ProblemCode::ContentTooLarge,
                    &format!("a JSON body may have at most {JSON_BYTES_MAX} bytes"),
                )
            }
            // `JsonRejection` may grow; whatever else it is, the body could not be read to its end.
            Err(_) => refuse(ProblemCode::IncompleteBody, "the body could not be read to its end"),
        }
    }
}

/// The same, where a request without a body means the default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonOrNothing<T>(pub(crate) T);

impl<T: DeserializeOwned + Default + Send + 'static> FromRequest<ApiState> for JsonOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &ApiState) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        JsonOf::from_request(request, api).await.map(|JsonOf(value)| Self(value))
    }
}

/// A value that stands as a JSON object. Left alone, serde also reads a list as the members in their order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Reads a value from a JSON object only.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct ObjectVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

/// axum says first what it tried to do, in terms of its own types; the client needs what follows.
fn without_prefix(text: &str) -> String {
    text.split_once(": ")
        .filter(|(prefix, _)| prefix.starts_with("Failed"))
        .map_or(text, |(_, rest)| rest)
        .to_owned()
}
