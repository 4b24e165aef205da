//! The `millrace` binary: the single node and the client of any node. This file wires: it reads the command line, starts
//! logging, hands over to the command and turns the outcome into an exit code.

mod arguments;
mod client;
mod commands;
mod exit_code;
mod logging;
mod output;
mod serve;
mod session;

use std::process;

use clap::Parser as _;

use arguments::{Arguments, ClientOptions, Command};
use exit_code::ExitCode;
use millrace_extraction::{EXTRACTION_CHILD_ARG, run_extraction_child};
use output::{Console, Environment};
use session::Session;

fn main() -> process::ExitCode {
    // A parser's child is this very program; it must not read the command line as a person's.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == EXTRACTION_CHILD_ARG) {
        return run_extraction_child();
    }
    let arguments = Arguments::parse();
    logging::start(&arguments);
    let console = Console::new(&Environment::read(), arguments.client.json, arguments.client.quiet);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return console.report(&anyhow::Error::from(error), &arguments.client.url).into(),
    };
    let url = arguments.client.url.clone();
    let outcome = runtime.block_on(dispatch(arguments, &console));
    // Reading standard input or a file may still block a thread; nothing waits for it.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code.into(),
        Err(error) => console.report(&error, &url).into(),
    }
}

async fn dispatch(arguments: Arguments, console: &Console) -> anyhow::Result<ExitCode> {
    match arguments.command {
        // The server ends by itself on a signal, after it has put its work down.
        Command::Serve(serve) => serve::run(serve).await.map(|()| ExitCode::Done),
        Command::Keys(keys) => commands::keys::run(keys, console).await.map(|()| ExitCode::Done),
        Command::DeadLetters(letters) if letters.data_dir.is_some() => {
            commands::dead_letters::run_in_folder(letters, console).await
        }
        command => {
            tokio::select! {
                outcome = run_client(arguments.client, command, console) => outcome,
                _ = tokio::signal::ctrl_c() => Ok(console.interrupted()),
            }
        }
    }
}

async fn run_client(options: ClientOptions, command: Command, console: &Console) -> anyhow::Result<ExitCode> {
    let session = Session::open(options, console)?;
    match command {
        Command::Upload(upload) => commands::upload::run(&session, upload).await,
        Command::Status(status) => commands::status::run(&session, status).await,
        Command::List(list) => commands::list::run(&session, list).await,
        Command::Watch(watch) => commands::watch::run(&session, watch).await,
        Command::Search(search) => commands::search::run(&session, search).await,
        Command::Delete(delete) => commands::delete::run(&session, delete).await,
        Command::Cancel(cancel) => commands::cancel::run(&session, cancel).await,
        Command::Retry(retry) => commands::retry::run(&session, retry).await,
        Command::Timeline(timeline) => commands::timeline::run(&session, timeline).await,
        Command::Content(content) => commands::content::run(&session, content).await,
        Command::Collections(collections) => commands::collections::run(&session, collections).await,
        Command::Stats => commands::stats::run(&session).await,
        Command::Queues => commands::queues::run(&session).await,
        Command::DeadLetters(letters) => commands::dead_letters::run(&session, letters).await,
        Command::Serve(_) | Command::Keys(_) => unreachable!("dispatched without a session"),
    }
}
