//! Dead letters straight from the data folder of a node that is not running: those of all tenants, and those that nobody
//! can read. The folder is locked meanwhile, so no worker takes what is looked at.

mod discard;
mod export;
mod list;
mod redrive;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use millrace_adapters_local::{DataFolder, Database, SqliteJobQueue};
use millrace_adapters_system::SystemClock;
use millrace_application::{DeadLetterFilter, DeadLetterScope, StepPolicy, queue_policy};
use millrace_domain::QueueName;
use millrace_ports::ErrorKind;

use crate::arguments::{DeadLetterFilterArguments, DeadLettersAction, DeadLettersArguments};
use crate::exit_code::ExitCode;
use crate::output::Console;

/// A locked folder's dead letters, and which of them were asked for.
struct Letters {
    queue: Arc<SqliteJobQueue>,
    scope: DeadLetterScope,
    _folder: DataFolder,
}

pub(super) async fn run(arguments: DeadLettersArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let folder = arguments.data_dir.as_deref().context("a data folder was named")?;
    let scope = match arguments.unreadable {
        true => DeadLetterScope::Unreadable,
        false => DeadLetterScope::Everything,
    };
    let letters = Letters::open(folder, scope)?;
    match arguments.action {
        None => list::run(&letters, arguments.list, console).await,
        Some(DeadLettersAction::Redrive(redrive)) => redrive::run(&letters, redrive, console).await,
        Some(DeadLettersAction::Export(export)) => export::run(&letters, export, console).await,
        Some(DeadLettersAction::Discard(discard)) => discard::run(&letters, discard, console).await,
    }
}

impl Letters {
    fn open(path: &Path, scope: DeadLetterScope) -> anyhow::Result<Self> {
        // Opening would make one, and a misspelt name would look like a node without dead letters.
        if !DataFolder::database_in(path).is_file() {
            bail!("{} is not the data folder of a node", path.display());
        }
        let folder = DataFolder::open(path).map_err(|error| {
            let in_use = error.kind == ErrorKind::Conflict;
            let error = anyhow::Error::new(error);
            if in_use {
                error.context("the node runs: stop `millrace serve` first, or ask it, without --data-dir")
            } else {
                error
            }
        })?;
        let database = Database::open(&folder.database()).context("open the database")?;
        let policy = |queue| (queue, queue_policy(queue, StepPolicy::default()));
        let policies = QueueName::ALL.into_iter().map(policy).collect();
        let queue = Arc::new(SqliteJobQueue::new(database, Arc::new(SystemClock), policies));
        Ok(Self { queue, scope, _folder: folder })
    }
}

/// Which letters, as the use cases take it.
fn filter(arguments: DeadLetterFilterArguments, messages: Vec<String>) -> anyhow::Result<DeadLetterFilter> {
    let DeadLetterFilterArguments { error_code, reason, document, queue } = arguments;
    let queue = queue.map(|name| {
        let names = QueueName::ALL.map(QueueName::as_str).join(", ");
        let known = QueueName::ALL.into_iter().find(|queue| queue.as_str() == name);
        known.with_context(|| format!("there is no queue {name}, only {names}"))
    });
    Ok(DeadLetterFilter {
        message_ids: messages.into_iter().collect(),
        queue: queue.transpose()?,
        error_code,
        reason,
        document_id: document.map(|id| id.parse()).transpose().context("the document's id")?,
        tenant_id: None,
    })
}

/// The queues that a filter speaks of.
fn queues(filter: &DeadLetterFilter) -> impl Iterator<Item = QueueName> {
    let only = filter.queue;
    QueueName::ALL.into_iter().filter(move |queue| only.is_none_or(|only| only == *queue))
}
