//! `millrace dead-letters`: messages that were given up. A tenant asks a server for its own and has them put back to work;
//! whoever runs a single node looks into its data folder, at all of them.

mod in_folder;
mod list;
mod redrive;
mod table;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::arguments::{
    Arguments, DeadLetterFilterArguments, DeadLetterListArguments, DeadLettersAction, DeadLettersArguments,
};
use crate::exit_code::ExitCode;
use crate::output::Console;
use crate::session::Session;

pub(crate) async fn run_in_folder(
    arguments: DeadLettersArguments,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    check(&arguments);
    in_folder::run(arguments, console).await
}

pub(crate) async fn run(session: &Session<'_>, arguments: DeadLettersArguments) -> anyhow::Result<ExitCode> {
    check(&arguments);
    if arguments.unreadable {
        needs_folder("--unreadable");
    }
    match arguments.action {
        Some(DeadLettersAction::Redrive(redrive)) => redrive::run(session, redrive).await,
        Some(DeadLettersAction::Export(_)) => needs_folder("export"),
        Some(DeadLettersAction::Discard(_)) => needs_folder("discard"),
        None => list::run(session, arguments.list).await,
    }
}

/// What narrows the list does not narrow a command behind it: so it must not stand in front of one.
fn check(arguments: &DeadLettersArguments) {
    let DeadLetterListArguments { filter, cursor, .. } = &arguments.list;
    if arguments.action.is_some() && (*filter != DeadLetterFilterArguments::default() || cursor.is_some()) {
        let advice = "what narrows the list goes behind the command: dead-letters redrive --queue embed";
        Arguments::command().error(ErrorKind::ArgumentConflict, advice).exit()
    }
}

/// No server shows letters that belong to no tenant, or removes any.
fn needs_folder(what: &str) -> ! {
    let advice = format!("{what} is for whoever runs the node: stop it, and name its folder with --data-dir");
    Arguments::command().error(ErrorKind::MissingRequiredArgument, advice).exit()
}

/// So many messages, in words.
fn counted(number: u64) -> String {
    if number == 1 { "1 message".to_owned() } else { format!("{number} messages") }
}

/// What was named and is not there.
fn missing(console: &Console, named: u64, found: u64) -> ExitCode {
    if found >= named {
        return ExitCode::Done;
    }
    let are =
        if named - found == 1 { "1 of them is".to_owned() } else { format!("{} of them are", named - found) };
    console.note(&format!("{are} not among the dead letters"));
    ExitCode::NotFound
}
