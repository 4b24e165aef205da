//! What inputs are thrown at. A target makes an input from a seed file and says what became of it.

mod documents;
mod http_requests;
mod messages;
mod stand_ins;
mod words;

use async_trait::async_trait;

use crate::random::Random;

pub use documents::{DocumentTarget, extraction_limits, outcome_of};
pub use http_requests::HttpTarget;
pub use messages::{MessageKind, MessageTarget};

/// One input.
#[derive(Debug, Clone)]
pub struct Input {
    /// The file name it goes under; its ending is the format's.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What an input showed.
#[derive(Debug)]
pub enum Verdict {
    /// All promises kept.
    Fine,
    /// Contained, but worth a look.
    Suspicious(String),
    /// A promise broken.
    Broken(String),
}

/// What became of an input.
#[derive(Debug)]
pub struct Judged {
    /// In a word or two, for counting.
    pub outcome: String,
    /// What it showed.
    pub verdict: Verdict,
    /// The most memory its child had resident, where there was one.
    pub peak_bytes: Option<u64>,
}

/// Something that takes inputs from outside.
#[async_trait]
pub trait Target: Send + Sync {
    /// Its name on the command line and of its folder in the corpus.
    fn name(&self) -> &str;

    /// The next input.
    fn input(&self, random: &mut Random) -> Input;

    /// Runs an input.
    async fn judge(&self, input: &Input) -> Judged;
}

/// Every target.
///
/// # Errors
/// If the corpus cannot be read or a fixture not be made.
pub async fn all() -> anyhow::Result<Vec<Box<dyn Target>>> {
    let mut targets: Vec<Box<dyn Target>> = Vec::new();
    for target in DocumentTarget::all()? {
        targets.push(Box::new(target));
    }
    targets.push(Box::new(HttpTarget::new().await?));
    for kind in MessageKind::ALL {
        targets.push(Box::new(MessageTarget::new(kind)?));
    }
    Ok(targets)
}

/// What a panic said.
fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}
