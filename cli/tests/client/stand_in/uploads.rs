//! The stand-in's uploads by URL: announced, put, completed.

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use super::server::{Recorded, State, problem, respond};

/// An upload by URL.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    key: String,
    announced: Value,
    content: Option<Bytes>,
    document: Option<String>,
}

impl State {
    pub(super) fn route_upload(
        &mut self,
        method: &Method,
        rest: &[&str],
        request: &Recorded,
    ) -> Response<Full<Bytes>> {
        let place = rest.first().map(|id| id.strip_prefix("u-").and_then(|at| at.parse::<usize>().ok()));
        match (method, place, rest.get(1)) {
            (&Method::POST, None, None) => self.start_upload(request),
            (&Method::PUT, Some(Some(at)), Some(&"content")) => {
                let announced = &self.uploads[at].announced;
                let same_type = request.header("content-type") == announced["media_type"].as_str();
                assert!(same_type && request.query == "signature=s", "the URL is used as it was given");
                assert_eq!(announced["size"], request.body.len());
                self.uploads[at].content = Some(request.body.clone());
                respond(200, &[], "")
            }
            (&Method::POST, Some(Some(at)), Some(&"complete")) => self.complete_upload(at),
            _ => problem(404, "No such upload", json!({"code": "upload_not_found"})),
        }
    }

    fn start_upload(&mut self, request: &Recorded) -> Response<Full<Bytes>> {
        let key = request.header("idempotency-key").expect("every upload has a key").to_owned();
        let known = self.uploads.iter().position(|upload| upload.key == key);
        let at = known.unwrap_or(self.uploads.len());
        if known.is_none() {
            let announced = serde_json::from_slice(&request.body).expect("an announcement is JSON");
            self.uploads.push(Upload { key, announced, content: None, document: None });
        }
        let body = json!({
            "upload_id": format!("u-{at}"),
            "url": format!("/v1/uploads/u-{at}/content?signature=s"),
            "method": "PUT",
            "headers": {"Content-Type": self.uploads[at].announced["media_type"]},
            "expires_at": "2026-11-21T10:15:00.000Z",
            "complete_url": format!("/v1/uploads/u-{at}/complete"),
        });
        respond(201, &[("idempotency-replayed", known.is_some().to_string())], body.to_string())
    }

    fn complete_upload(&mut self, at: usize) -> Response<Full<Bytes>> {
        let upload = self.uploads[at].clone();
        let Some(content) = upload.content else {
            let more = json!({"code": "upload_not_received", "retryable": true});
            return problem(409, "Upload not received yet", more);
        };
        let text = |member: &str| upload.announced[member].as_str().map(str::to_owned);
        let (replaced, known) = (text("document_id"), upload.document.clone());
        let id = match (&known, &replaced) {
            (Some(id), _) => id.clone(),
            (None, Some(id)) => {
                let document = self.documents.get_mut(id).expect("it was uploaded");
                document.content = content;
                document.generation += 1;
                document.become_("processing", "extract");
                id.clone()
            }
            (None, None) => {
                let filename = text("filename").expect("the file is named");
                let collection = text("collection").expect("the collection is named");
                self.add_document(filename, collection, content)
            }
        };
        self.uploads[at].document = Some(id.clone());
        // As if the store had told the server before the client did.
        let headers = [("idempotency-replayed", "true".to_owned())];
        respond(202, &headers, json!({"document_id": id, "status": "processing"}).to_string())
    }
}
