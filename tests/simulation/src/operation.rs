//! What a client can ask of the API, and the request it makes of it.

use axum::body::Body;
use http::{Method, Request};
use millrace_domain::{CollectionName, DocumentId, DocumentKey, TenantId};
use serde_json::{Value, json};

use crate::contents::{COMMON_WORD, Content};

/// A document and whose it is; not always the asker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) owner: TenantId,
    pub(crate) document_id: DocumentId,
}

/// The operation.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Upload {
        content: Content,
        key: Option<String>,
        collection: CollectionName,
        named_tenant: Option<TenantId>,
    },
    Replace {
        target: Target,
        content: Content,
        key: Option<String>,
        if_match: Option<u64>,
    },
    /// An upload by URL, of a new document or of a known one's next content.
    Start {
        target: Option<Target>,
        content: Content,
        key: Option<String>,
        collection: CollectionName,
    },
    /// The bytes of a started upload, to the URL that was given.
    Put {
        url: String,
        headers: Vec<(String, String)>,
        content: Content,
    },
    /// The end of a started upload.
    Complete {
        url: String,
        content: Content,
    },
    Delete {
        target: Target,
        if_match: Option<u64>,
    },
    Cancel {
        target: Target,
    },
    Retry {
        target: Target,
    },
    Get {
        target: Target,
    },
    Timeline {
        target: Target,
    },
    Chunks {
        target: Target,
    },
    Content {
        target: Target,
    },
    List,
    Search {
        collection: CollectionName,
    },
    Stats,
    /// An operator's: a collection is to have another model.
    Move {
        collection: CollectionName,
        model: &'static str,
    },
    /// An operator's: it is to stay as it is.
    StopMove {
        collection: CollectionName,
    },
    /// An operator's: the dead letters of all tenants go back to their queues.
    RedriveAll,
    /// A tenant's dead letters go back, or those about one document; or it only wants to know which these are.
    Redrive {
        target: Option<Target>,
        dry_run: bool,
    },
}

impl Target {
    pub(crate) fn key(&self) -> DocumentKey {
        DocumentKey { tenant_id: self.owner.clone(), document_id: self.document_id }
    }
}

impl Operation {
    /// The document it is about.
    pub(crate) fn target(&self) -> Option<&Target> {
        match self {
            Self::Replace { target, .. }
            | Self::Delete { target, .. }
            | Self::Cancel { target }
            | Self::Retry { target }
            | Self::Get { target }
            | Self::Timeline { target }
            | Self::Chunks { target }
            | Self::Content { target } => Some(target),
            Self::Start { target, .. } | Self::Redrive { target, .. } => target.as_ref(),
            Self::Upload { .. }
            | Self::Put { .. }
            | Self::Complete { .. }
            | Self::List
            | Self::Search { .. }
            | Self::Stats
            | Self::Move { .. }
            | Self::StopMove { .. }
            | Self::RedriveAll => None,
        }
    }

    /// The same with its content kept short.
    pub(crate) fn name(&self) -> String {
        let about = self.target().map(|target| format!(" {}", target.document_id)).unwrap_or_default();
        let kind = match self {
            Self::Upload { content, key, .. } => format!("upload {:?} {key:?}", content.nature),
            Self::Replace { content, key, if_match, .. } => {
                format!("replace {:?} {key:?} {if_match:?}", content.nature)
            }
            Self::Start { content, key, .. } => format!("start {:?} {key:?}", content.nature),
            Self::Put { .. } => "put".into(),
            Self::Complete { .. } => "complete".into(),
            Self::Delete { .. } => "delete".into(),
            Self::Cancel { .. } => "cancel".into(),
            Self::Retry { .. } => "retry".into(),
            Self::Get { .. } => "get".into(),
            Self::Timeline { .. } => "timeline".into(),
            Self::Chunks { .. } => "chunks".into(),
            Self::Content { .. } => "content".into(),
            Self::List => "list".into(),
            Self::Search { .. } => "search".into(),
            Self::Stats => "stats".into(),
            Self::Move { collection, model } => format!("move {collection} to {model}"),
            Self::StopMove { collection } => format!("stop the move of {collection}"),
            Self::RedriveAll => "redrive".into(),
            Self::Redrive { dry_run, .. } => format!("redrive mine, dry {dry_run}"),
        };
        kind + &about
    }

    /// The idempotency key of an upload or a replacement.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Upload { key, .. } | Self::Replace { key, .. } => key.as_deref(),
            _ => None,
        }
    }

    /// What two requests under one key must have in common to be the same request.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Upload { content, collection, named_tenant, .. } => {
                format!("upload {:?} {collection} {named_tenant:?}", content.hash())
            }
            Self::Replace { target, content, .. } => {
                format!("replace {} {:?}", target.document_id, content.hash())
            }
            _ => String::new(),
        }
    }

    /// Whether asking again is harmless where no answer came.
    pub(crate) fn may_repeat(&self) -> bool {
        match self {
            Self::Upload { key, .. } | Self::Replace { key, .. } | Self::Start { key, .. } => key.is_some(),
            _ => true,
        }
    }

    /// The request, authenticated by a secret.
    pub(crate) fn request(&self, secret: &str) -> Option<Request<Body>> {
        let of = |target: &Target, rest: &str| format!("/v1/documents/{}{rest}", target.document_id);
        let (method, path) = match self {
            Self::Upload { collection, .. } => {
                (Method::POST, format!("/v1/documents?collection={collection}"))
            }
            Self::Replace { target, .. } => (Method::PUT, of(target, "")),
            Self::Start { .. } => (Method::POST, "/v1/uploads".into()),
            Self::Put { url, .. } => (Method::PUT, path_of(url)),
            Self::Complete { url, .. } => (Method::POST, path_of(url)),
            Self::Delete { target, .. } => (Method::DELETE, of(target, "")),
            Self::Cancel { target } => (Method::POST, of(target, "/cancel")),
            Self::Retry { target } => (Method::POST, of(target, "/retry")),
            Self::Get { target } => (Method::GET, of(target, "")),
            Self::Timeline { target } => (Method::GET, of(target, "/timeline")),
            Self::Chunks { target } => (Method::GET, of(target, "/chunks")),
            Self::Content { target } => (Method::GET, of(target, "/content")),
            Self::List => (Method::GET, "/v1/documents".into()),
            Self::Search { .. } => (Method::POST, "/v1/search".into()),
            Self::Stats => (Method::GET, "/v1/stats".into()),
            Self::Move { collection, .. } => (Method::POST, moving(collection)),
            Self::StopMove { collection } => (Method::DELETE, moving(collection)),
            Self::Redrive { .. } => (Method::POST, "/v1/operations/dead-letters/redrive".into()),
            Self::RedriveAll => return None,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {secret}"))
            .header("host", "localhost:8080");
        let body = match self {
            Self::Upload { content, key, named_tenant, .. } => {
                if let Some(tenant) = named_tenant {
                    // None of these is anybody's business but the authenticator's.
                    request = request
                        .header("x-tenant-id", tenant.as_str())
                        .header("x-metadata", format!(r#"{{"tenant_id":"{tenant}"}}"#));
                }
                request = with_content(request, key.as_deref());
                Body::from(content.bytes())
            }
            Self::Replace { content, key, if_match, .. } => {
                if let Some(version) = if_match {
                    request = request.header("if-match", format!("\"v{version}\""));
                }
                request = with_content(request, key.as_deref());
                Body::from(content.bytes())
            }
            Self::Start { target, content, key, collection } => {
                request = request.header("content-type", "application/json");
                if let Some(key) = key {
                    request = request.header("idempotency-key", key);
                }
                Body::from(announcement(target.as_ref(), content, collection).to_string())
            }
            Self::Put { headers, content, .. } => {
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                Body::from(content.bytes())
            }
            Self::Search { collection } => {
                request = request.header("content-type", "application/json");
                let query = json!({ "query": COMMON_WORD, "collection": collection, "limit": 100 });
                Body::from(query.to_string())
            }
            Self::Delete { if_match: Some(version), .. } => {
                request = request.header("if-match", format!("\"v{version}\""));
                Body::empty()
            }
            Self::Redrive { target, dry_run } => {
                request = request.header("content-type", "application/json");
                let which = match target {
                    Some(target) => {
                        json!({ "filter": { "document_id": target.document_id }, "dry_run": dry_run })
                    }
                    None => json!({ "all": true, "dry_run": dry_run }),
                };
                Body::from(which.to_string())
            }
            Self::Move { model, .. } => {
                request = request.header("content-type", "application/json");
                Body::from(json!({ "model": model }).to_string())
            }
            _ => Body::empty(),
        };
        Some(request.body(body).expect("the parts of the request are valid"))
    }
}

fn with_content(request: http::request::Builder, key: Option<&str>) -> http::request::Builder {
    let request = request.header("content-type", "text/plain").header("x-filename", "notes.txt");
    match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    }
}

/// What is said of a content that is about to be uploaded.
fn announcement(target: Option<&Target>, content: &Content, collection: &CollectionName) -> Value {
    let mut announced = json!({
        "filename": "notes.txt",
        "media_type": "text/plain",
        "size": content.text.len(),
        "sha256": content.hash().as_str(),
    });
    match target {
        Some(target) => announced["document_id"] = json!(target.document_id),
        None => announced["collection"] = json!(collection),
    }
    announced
}

/// Where moves of a collection are started and stopped.
fn moving(collection: &CollectionName) -> String {
    format!("/v1/collections/{collection}/re-embedding")
}

/// A link without the server's address.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}
