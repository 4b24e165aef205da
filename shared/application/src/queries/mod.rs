//! Use cases that read, one file each.

mod authenticate_api_key;
mod collect_stats;
mod fusion;
mod get_document;
mod inspect_queues;
mod list_collections;
mod list_dead_letters;
mod list_documents;
mod read_chunks;
mod read_content;
mod read_dead_letters;
mod read_timeline;
mod search_documents;

pub use authenticate_api_key::{AuthenticateApiKey, NoSecret, presented_secret};
pub use collect_stats::{CollectStats, CollectionStats};
pub use fusion::fuse;
pub use get_document::GetDocument;
pub use inspect_queues::{InspectQueues, QueueState};
pub use list_collections::{CollectionList, CollectionState, ListCollections};
pub use list_dead_letters::{DeadLetterGroup, DeadLetterList, DeadLetterPosition, ListDeadLetters};
pub use list_documents::ListDocuments;
pub use read_chunks::{ChunkPage, ReadChunks};
pub use read_content::{OpenedContent, ReadContent};
pub use read_dead_letters::{ReadDeadLetters, WholeLetter, WholeLetterPage};
pub use read_timeline::{ReadTimeline, TimelinePage};
pub use search_documents::{Hit, SearchAnswer, SearchDocuments, SearchError, SearchRequest};
