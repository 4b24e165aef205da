//! Dead letters with their bodies, queue by queue: for whoever runs the installation and wants to keep, examine or discard
//! them. Nothing that a tenant can reach reads them so.

use std::sync::Arc;

use millrace_domain::QueueName;
use millrace_ports::{DEAD_LETTERS_PAGE_MAX, DeadLetter, DeadLetters, PortError};

use crate::dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterScope};

/// A dead letter, as it is read and as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeLetter {
    /// What can be said of it.
    pub entry: DeadLetterEntry,
    /// The message.
    pub letter: DeadLetter,
}

/// What one page of a queue holds of what was asked for; that may be nothing, with more to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeLetterPage {
    /// Oldest first.
    pub letters: Vec<WholeLetter>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<String>,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ReadDeadLetters {
    letters: Arc<dyn DeadLetters>,
}

impl ReadDeadLetters {
    /// Reading these.
    pub fn new(letters: Arc<dyn DeadLetters>) -> Self {
        Self { letters }
    }

    /// The letters of the next page of a queue that lie in the scope and pass the filter.
    pub async fn run(
        &self,
        queue: QueueName,
        scope: &DeadLetterScope,
        filter: &DeadLetterFilter,
        after: Option<&str>,
    ) -> Result<WholeLetterPage, PortError> {
        let page = self.letters.list(queue, after, DEAD_LETTERS_PAGE_MAX).await?;
        let whole = |letter| WholeLetter { entry: DeadLetterEntry::of(queue, &letter), letter };
        let wanted = |whole: &WholeLetter| scope.covers(&whole.entry) && filter.passes(&whole.entry);
        let letters = page.letters.into_iter().map(whole).filter(wanted).collect();
        Ok(WholeLetterPage { letters, next: page.next })
    }
}
