//! Projections: read models built from events that arrive twice, late and out of order.

mod project_documents;

pub use project_documents::ProjectDocuments;
