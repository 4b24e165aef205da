//! What a document's history may become, told as given / when / then, and as properties over random commands.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod builders;
mod golden_files;
mod properties;
mod saga_steps;
mod stories;
