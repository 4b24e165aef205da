//! What a document's history may become, told as given / when / then, and as properties over random commands.

mod builders;
mod golden_files;
mod properties;
mod stories;
