//! Contents on their way in: raw or as a form, streamed, bounded in silence and in what surrounds the file.

mod description;
mod incoming;
mod intake;
mod multipart;

pub(crate) use description::{idempotency_key_of, media_type_of};
pub(crate) use incoming::{BodyOutcome, stream_of};
pub(crate) use intake::Intake;
