//! The command line: what can be asked for and how it is written. Parses and checks; does nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use crate::client::{DeadLetterFilter, ServerUrl};
use crate::commands::keys::KeysArguments;
use crate::exit_code::EXIT_CODES_HELP;
use crate::serve::ServeArguments;

/// Makes documents searchable: runs the server, uploads to it and searches it.
#[derive(Debug, Parser)]
#[command(name = "millrace", version, about, after_help = EXIT_CODES_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) client: ClientOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command that talks to a server takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Client options")]
pub(crate) struct ClientOptions {
    /// The server's address.
    #[arg(
        long,
        global = true,
        env = "MILLRACE_URL",
        default_value = "http://127.0.0.1:8787",
        value_name = "URL"
    )]
    pub(crate) url: ServerUrl,
    /// The key to present; prefer the environment, where other users of the machine cannot see it.
    #[arg(long, global = true, env = "MILLRACE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Print the server's JSON, one object a line, instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tell on standard error what is being sent and repeated; twice for more.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole of Millrace on this machine.
    Serve(ServeArguments),
    /// Create, list and revoke API keys.
    Keys(KeysArguments),
    /// Upload files and folders and wait until they are ready.
    ///
    /// Running the same command again resumes: what is there is not added a second time, what failed for a reason
    /// that may pass is tried again.
    Upload(UploadArguments),
    /// Show how far documents are.
    Status(DocumentsArguments),
    /// List documents, newest first.
    List(ListArguments),
    /// Follow a document, or all that are being processed, until they settle.
    Watch(WatchArguments),
    /// Search the documents.
    Search(SearchArguments),
    /// Delete documents.
    Delete(DeleteArguments),
    /// Stop processing documents.
    Cancel(DocumentsArguments),
    /// Process failed or cancelled documents again.
    Retry(DocumentsArguments),
    /// Show everything that happened to a document.
    Timeline(TimelineArguments),
    /// Download a document as it was uploaded, or its text in chunks.
    Content(ContentArguments),
    /// List collections and their models; move one to another model.
    Collections(CollectionsArguments),
    /// Count documents, chunks and bytes by collection.
    Stats,
    /// Show how many messages each queue has, and how old they are.
    Queues,
    /// List messages that were given up, by why; put them back to work, or keep and discard them.
    DeadLetters(DeadLettersArguments),
}

#[derive(Debug, Args)]
pub(crate) struct UploadArguments {
    /// Files and folders. Folders are read with all below them; hidden files and links in them are left out.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The collection to put them in; without it, `default`.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) collection: Option<String>,
    /// A value to find them by: `key=text`, or `key:=json` for numbers and the like. May be repeated.
    #[arg(long, short, value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<MetadataPair>,
    /// Make the file the new content of this document.
    #[arg(long, value_name = "DOCUMENT_ID", value_parser = document_id, conflicts_with = "collection")]
    pub(crate) replace: Option<String>,
    /// Files sent at the same time.
    #[arg(long, short, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    pub(crate) jobs: u16,
    /// Return when all files are accepted.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Follow links inside folders.
    #[arg(long)]
    pub(crate) follow_links: bool,
    /// Give up waiting after this long: `90`, `90s`, `15m`, `2h`.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct CollectionsArguments {
    #[command(subcommand)]
    pub(crate) action: Option<CollectionsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CollectionsAction {
    /// Show a collection and the steps of its move to another model, or of the last one.
    Show {
        /// Which collection.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Embed a collection under another model. Searches use the old one until all of it is there under the new.
    Reembed(ReembedArguments),
    /// Stop that, as long as searches use the old model; what was made is removed.
    Abort {
        /// Which collection.
        #[arg(value_name = "NAME")]
        name: String,
        /// Return when everything is taken back.
        #[arg(long)]
        wait: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReembedArguments {
    /// Which collection.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The model, as the server names it; without it, the one that new collections get.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Show the progress and return when it has ended.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DocumentsArguments {
    /// Which documents.
    #[arg(required = true, value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) documents: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only of this collection.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) collection: Option<String>,
    /// Only in this state.
    #[arg(long, short)]
    pub(crate) status: Option<Status>,
    /// Only with this label.
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Documents on a page.
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200), value_name = "N")]
    pub(crate) limit: u16,
    /// Where the page begins, as the page before said.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    /// All pages.
    #[arg(long, short)]
    pub(crate) all: bool,
}

/// The states of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Processing,
    Ready,
    Failed,
    Cancelled,
    Deleting,
    Deleted,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    /// Which documents; without one, all that are being processed now.
    #[arg(value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) documents: Vec<String>,
    /// Without documents: only those of this collection.
    #[arg(long, short, value_name = "NAME", conflicts_with = "documents")]
    pub(crate) collection: Option<String>,
    /// Give up after this long: `90`, `90s`, `15m`, `2h`.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// What to look for.
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    /// The collection to search; without it, `default`.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) collection: Option<String>,
    /// Only in this document. May be repeated.
    #[arg(long, short, value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) document: Vec<String>,
    /// Only in documents with this value: `key=text` or `key:=json`. May be repeated.
    #[arg(long, short, value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<MetadataPair>,
    /// Most hits.
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100), value_name = "N")]
    pub(crate) limit: u16,
    /// Most hits from one document.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) hits_per_document_max: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// Which documents.
    #[arg(required = true, value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) documents: Vec<String>,
    /// Wait until the deletion is verified, and print its receipt.
    #[arg(long, short)]
    pub(crate) wait: bool,
    /// With --wait: give up after this long: `90`, `90s`, `15m`, `2h`.
    #[arg(long, value_parser = duration, requires = "wait", value_name = "TIME")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct TimelineArguments {
    /// Which document.
    #[arg(value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) document: String,
    /// Only what came after the event with this number.
    #[arg(long, default_value_t = 0, value_name = "SEQUENCE")]
    pub(crate) after: u64,
    /// Tables of steps and events, or the events as JSON lines. With --json: the events, then the steps.
    #[arg(long, value_enum, default_value_t = TimelineFormat::Table)]
    pub(crate) format: TimelineFormat,
}

/// How a timeline is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    Table,
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct ContentArguments {
    /// Which document.
    #[arg(value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) document: String,
    /// Where to write; `-` for standard output. Without it: the document's own name, in this folder.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite a file that is there.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Print the text that was indexed, chunk by chunk, instead of downloading the file.
    #[arg(long, conflicts_with_all = ["output", "force"])]
    pub(crate) chunks: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersArguments {
    #[command(subcommand)]
    pub(crate) action: Option<DeadLettersAction>,
    #[command(flatten)]
    pub(crate) list: DeadLetterListArguments,
    /// Look into the data folder of a node that is not running, instead of asking a server: at the letters of all tenants,
    /// and at those that nobody can read.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Only letters that cannot be read, and so belong to no tenant. Needs `--data-dir`.
    #[arg(long, global = true)]
    pub(crate) unreadable: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersAction {
    /// Put dead letters back to work: a document that failed with one is tried again and goes on from what is there.
    Redrive(RedriveArguments),
    /// Print dead letters whole, with what they say, one JSON object a line. Needs `--data-dir`.
    Export(ExportArguments),
    /// Remove dead letters for good. Needs `--data-dir`; `export` them first.
    Discard(DiscardArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterListArguments {
    #[command(flatten)]
    pub(crate) filter: DeadLetterFilterArguments,
    /// Dead letters on a page.
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500), value_name = "N")]
    pub(crate) limit: u16,
    /// Where the page begins, as the page before said.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// Which dead letters; all that is given must agree.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct DeadLetterFilterArguments {
    /// Only those with this error code.
    #[arg(long, value_name = "CODE")]
    pub(crate) error_code: Option<String>,
    /// Only those with this text in their reason.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only those about this document.
    #[arg(long, short, value_name = "DOCUMENT_ID", value_parser = document_id)]
    pub(crate) document: Option<String>,
    /// Only those of this queue: ingest, embed, purge, projector, ...
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
}

/// Which letters a command changes: it has to be said.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).multiple(true)
    .args(["messages", "error_code", "reason", "document", "queue", "all"]))]
pub(crate) struct SelectionArguments {
    /// These messages, as the list names them.
    #[arg(value_name = "MESSAGE_ID", conflicts_with_all = ["error_code", "reason", "document", "queue", "all"])]
    pub(crate) messages: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: DeadLetterFilterArguments,
    /// All there are; with `--unreadable`, all that cannot be read.
    #[arg(long, conflicts_with_all = ["error_code", "reason", "document", "queue"])]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Only show which it would be.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Deliver at most so many messages of each queue in a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500), value_name = "N")]
    pub(crate) rate: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Only these messages, as the list names them.
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) messages: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: DeadLetterFilterArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Only say how many it would be.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl From<DeadLetterFilterArguments> for DeadLetterFilter {
    fn from(arguments: DeadLetterFilterArguments) -> Self {
        let DeadLetterFilterArguments { error_code, reason, document, queue } = arguments;
        Self { queue, error_code, reason, document_id: document }
    }
}

/// One `key=value` of metadata.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetadataPair {
    key: String,
    value: Value,
}

impl std::str::FromStr for MetadataPair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("expected key=text or key:=json")?;
        let (key, value) = match key.strip_suffix(':') {
            Some(key) => {
                let value = serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?;
                (key, value)
            }
            None => (key, Value::from(value)),
        };
        if key.is_empty() {
            return Err("the key is empty".into());
        }
        Ok(Self { key: key.to_owned(), value })
    }
}

/// The pairs as one object; of two with the same key the later one counts.
pub(crate) fn metadata_object(pairs: &[MetadataPair]) -> Map<String, Value> {
    pairs.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect()
}

fn document_id(text: &str) -> Result<String, String> {
    let id = text.to_ascii_lowercase();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_uuid =
        groups == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_uuid { Ok(id) } else { Err("expected a document id, as `millrace list` shows them".into()) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit_seconds) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "expected a whole number with s, m or h after it")?;
    number.checked_mul(unit_seconds).map(Duration::from_secs).ok_or_else(|| "too long".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn client_options_go_before_and_after_the_command() {
        let before = parse("millrace --url https://a.example/prod --json stats").unwrap();
        let after = parse("millrace stats --url https://a.example/prod/ --json").unwrap();
        assert_eq!(before.client.url, after.client.url);
        assert!(before.client.json && after.client.json);
    }

    #[test]
    fn an_upload_takes_metadata_and_a_timeout() {
        let line =
            "millrace upload a b -c legal -m author=Zoe -m year:=2024 --jobs 8 --timeout 15m --no-wait";
        let Command::Upload(upload) = parse(line).unwrap().command else { panic!("not an upload") };
        assert_eq!(upload.paths.len(), 2);
        assert_eq!(upload.timeout, Some(Duration::from_secs(900)));
        let metadata = Value::from(metadata_object(&upload.metadata));
        assert_eq!(metadata, serde_json::json!({"author": "Zoe", "year": 2024}));
        assert!(upload.no_wait);
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_sent() {
        for line in [
            "millrace",
            "millrace upload",
            "millrace upload a --jobs 0",
            "millrace upload a -m nothing",
            "millrace upload a -m year:=20x",
            "millrace upload a --timeout soon",
            "millrace status report.pdf",
            "millrace search",
            "millrace list --status finished",
            "millrace stats --url nowhere",
            "millrace delete",
            "millrace dead-letters redrive",
            "millrace dead-letters redrive --dry-run",
            "millrace dead-letters redrive 7 --all",
            "millrace dead-letters redrive --all --error-code malformed",
            "millrace dead-letters redrive --all --rate 0",
            "millrace dead-letters --document report.pdf",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert!(parse(&format!("millrace delete {ID} --timeout 5s")).is_err());
        assert!(parse(&format!("millrace upload a --replace {ID} -c legal")).is_err());
        assert!(parse(&format!("millrace upload a --replace {ID}")).is_ok());
    }

    #[test]
    fn dead_letters_are_listed_unless_they_are_to_be_redriven() {
        let Command::DeadLetters(list) =
            parse("millrace dead-letters --error-code malformed").unwrap().command
        else {
            panic!("not dead letters")
        };
        assert!(list.action.is_none());
        assert_eq!(list.list.filter.error_code.as_deref(), Some("malformed"));
        for line in ["redrive 7 8 --dry-run", "redrive --queue embed --reason away", "redrive --all --rate 5"]
        {
            let parsed = parse(&format!("millrace dead-letters {line}")).unwrap().command;
            let Command::DeadLetters(DeadLettersArguments { action: Some(_), .. }) = parsed else {
                panic!("{line} is no redrive")
            };
        }
    }

    #[test]
    fn a_document_id_is_brought_to_its_one_spelling() {
        assert_eq!(document_id(&ID.to_uppercase()).unwrap(), ID);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("-1").is_err());
        assert!(duration("").is_err());
        assert!(duration("99999999999999999999h").is_err());
    }
}
