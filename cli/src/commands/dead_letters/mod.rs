//! `millrace dead-letters`: messages that were given up, and putting them back to work.

mod list;
mod redrive;
mod table;

use crate::arguments::{DeadLettersAction, DeadLettersArguments};
use crate::exit_code::ExitCode;
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>, arguments: DeadLettersArguments) -> anyhow::Result<ExitCode> {
    match arguments.action {
        Some(DeadLettersAction::Redrive(redrive)) => redrive::run(session, redrive).await,
        None => list::run(session, arguments.list).await,
    }
}
