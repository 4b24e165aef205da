//! `millrace collections`: which there are, under which model, and moving one to another model.

mod list;
mod reembed;
mod reembedding_table;

use crate::arguments::{CollectionsAction, CollectionsArguments};
use crate::exit_code::ExitCode;
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>, arguments: CollectionsArguments) -> anyhow::Result<ExitCode> {
    match arguments.action {
        None => list::run(session).await,
        Some(CollectionsAction::Show { name }) => reembed::show(session, &name).await,
        Some(CollectionsAction::Reembed(reembed)) => reembed::run(session, reembed).await,
        Some(CollectionsAction::Abort { name, wait }) => reembed::abort(session, &name, wait).await,
    }
}
