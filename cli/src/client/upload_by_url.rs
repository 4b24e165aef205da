//! Uploads by URL: announce a content, put its bytes to where the server says, complete. For what is too large for the body
//! of a request; the bytes may go to another server, which gets no API key.

use std::collections::BTreeMap;

use http::header::{HeaderName, HeaderValue, IF_MATCH};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::api::{
    Accepted, Client, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, Target, UploadRequest, flag, read_json,
};
use super::body::Content;
use super::transport::Call;
use super::{ClientError, FileContent};

/// How often an upload is started anew because its URL expired on the way.
const STARTS_MAX: u32 = 3;

/// What became of an upload by URL.
#[derive(Debug)]
pub(crate) enum ByUrl {
    /// Accepted.
    Accepted(Accepted),
    /// The server has no such route: the content may still go in one request.
    NotOffered,
    /// The key belongs to a request that carried its content itself: repeating that gets its answer.
    SentInOne,
}

#[derive(Serialize)]
struct Announcement<'a> {
    filename: &'a str,
    media_type: &'a str,
    size: u64,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Started {
    upload_id: String,
    url: String,
    headers: BTreeMap<String, String>,
}

impl Client {
    /// Uploads a file by URL; `sha256` is its hash. What an earlier run has put already is not put again.
    pub(crate) async fn upload_by_url(
        &self,
        upload: &UploadRequest<'_>,
        sha256: &str,
    ) -> Result<ByUrl, ClientError> {
        let announcement = announcement(upload, sha256);
        for start in 1.. {
            let (started, replayed) = match self.start_upload(upload, &announcement).await {
                Ok(started) => started,
                Err(error) if is_unknown_route(&error) => return Ok(ByUrl::NotOffered),
                Err(error) if has_code(&error, "idempotency_key_reused") => return Ok(ByUrl::SentInOne),
                Err(error) => return Err(error),
            };
            if replayed && let Some(accepted) = self.completed_before(&started).await? {
                return Ok(ByUrl::Accepted(accepted));
            }
            match self.put_content(&started, upload.content.clone()).await {
                Ok(()) => {}
                Err(error) if is_expired(&error) && start < STARTS_MAX => continue,
                Err(error) => return Err(error),
            }
            // Of what was just put it does not matter whether the server noticed before it was told.
            let accepted = self.accepted(self.answer_to(&self.completion(&started)).await?).await?;
            return Ok(ByUrl::Accepted(Accepted { replayed: Some(false), ..accepted }));
        }
        unreachable!("the loop ends by returning")
    }

    async fn start_upload(
        &self,
        upload: &UploadRequest<'_>,
        announcement: &str,
    ) -> Result<(Started, bool), ClientError> {
        let address = self.address(&["v1", "uploads"], &[]);
        let mut call = Call::new(Method::POST, address).json(announcement.to_owned()).repeatable();
        let key = HeaderValue::from_str(upload.idempotency_key).expect("the key is hexadecimal");
        call.headers.insert(IDEMPOTENCY_KEY, key);
        if let Target::Replace { if_match: Some(etag), .. } = upload.target
            && let Ok(value) = HeaderValue::from_str(etag)
        {
            call.headers.insert(IF_MATCH, value);
        }
        let response = self.answer_to(&call).await?;
        let replayed = flag(response.headers(), &IDEMPOTENCY_REPLAYED).unwrap_or_default();
        let text = self.text(response).await?;
        Ok((read_json(&text, "the start of an upload")?, replayed))
    }

    /// The answer to an upload that was put by an earlier run, if it was.
    async fn completed_before(&self, started: &Started) -> Result<Option<Accepted>, ClientError> {
        let response = self.transport.send(&self.completion(started)).await?;
        match self.transport.expect_success(response).await {
            Ok(response) => {
                let accepted = self.accepted(response).await?;
                Ok(Some(Accepted { replayed: Some(true), ..accepted }))
            }
            Err(error) if has_code(&error, "upload_not_received") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn completion(&self, started: &Started) -> Call {
        Call::new(Method::POST, self.address(&["v1", "uploads", &started.upload_id, "complete"], &[]))
            .repeatable()
    }

    /// Puts the bytes, with the headers that the URL was signed for and no others that say who we are.
    async fn put_content(&self, started: &Started, content: FileContent) -> Result<(), ClientError> {
        let address = match started.url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.server()),
            None => started.url.clone(),
        };
        let mut call = Call::new(Method::PUT, address).anonymous();
        call.headers = signed_headers(&started.headers)?;
        call.content = Content::File(content);
        let response = self.transport.send(&call).await?;
        self.transport.expect_success(response).await.map(drop)
    }
}

fn announcement(upload: &UploadRequest<'_>, sha256: &str) -> String {
    let (collection, document_id) = match upload.target {
        Target::New { collection } => (Some(collection.as_str()), None),
        Target::Replace { document_id, .. } => (None, Some(document_id.as_str())),
    };
    let announcement = Announcement {
        filename: &upload.headers.filename,
        media_type: upload.headers.media_type,
        size: upload.content.length_bytes,
        sha256,
        collection,
        metadata: &upload.headers.metadata,
        document_id,
    };
    serde_json::to_string(&announcement).expect("an announcement has string keys and no fallible serializer")
}

fn signed_headers(headers: &BTreeMap<String, String>) -> Result<HeaderMap, ClientError> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| ClientError::Unreadable {
        what: "the start of an upload".into(),
        source,
    };
    headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).map_err(|error| unreadable(error.into()))?;
            let value = HeaderValue::try_from(value).map_err(|error| unreadable(error.into()))?;
            Ok((name, value))
        })
        .collect()
}

/// A server of an earlier release, or a gateway that does not pass the route on.
fn is_unknown_route(error: &ClientError) -> bool {
    let Some(problem) = error.problem() else { return false };
    let names_no_other =
        problem.code.as_deref().is_none_or(|code| code == "route_not_found" || code == "method_not_allowed");
    matches!(problem.status, 404 | 405) && names_no_other
}

/// As this server says it, or an object store.
fn is_expired(error: &ClientError) -> bool {
    has_code(error, "upload_expired")
        || error.problem().is_some_and(|problem| problem.status == 403 && problem.text.contains("expired"))
}

fn has_code(error: &ClientError, code: &str) -> bool {
    error.problem().is_some_and(|problem| problem.code.as_deref() == Some(code))
}
