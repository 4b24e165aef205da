//! The JSON of successful answers: types of their own, so that the domain can change without the API, and their schemas.

mod accepted;
mod chunks;
mod collections;
mod dead_letters;
mod document;
mod documents;
mod queues;
mod search;
mod stats;
mod timeline;
mod upload;

pub(crate) use accepted::AcceptedResponse;
pub(crate) use chunks::ChunksResponse;
pub(crate) use collections::{CollectionResponse, CollectionsResponse};
pub(crate) use dead_letters::{DeadLettersResponse, RedrivenResponse};
pub(crate) use document::DocumentResponse;
pub(crate) use documents::DocumentsResponse;
pub(crate) use queues::{QueuesResponse, queue_schema};
pub(crate) use search::SearchResponse;
pub(crate) use stats::StatsResponse;
pub(crate) use timeline::TimelineResponse;
pub(crate) use upload::UploadResponse;
