//! The HTTP client of the Millrace API: what the commands call. Knows nothing of terminals.

mod api;
mod body;
mod collections;
mod document;
mod error;
mod follow;
mod operations;
mod retry;
mod server_url;
mod transport;
mod upload_by_url;

pub(crate) use api::{
    Accepted, Client, ClientSettings, ContentHeaders, ListFilter, Search, SearchFilter, Tagged, Target,
    UploadRequest,
};
pub(crate) use body::{FileContent, Progress};
pub(crate) use collections::{Collection, Reembedding};
pub(crate) use document::{DocumentPage, DocumentState, Event, Fetched, Hit, Receipt, SagaStep, Stats};
pub(crate) use error::{ClientError, Problem};
pub(crate) use follow::{Deadline, Following, Settled};
pub(crate) use operations::{DeadLetter, DeadLetterFilter, DeadLetterGroup, Queues, Redrive, Redriven};
pub(crate) use server_url::{ServerUrl, percent_decoded};
pub(crate) use upload_by_url::ByUrl;
