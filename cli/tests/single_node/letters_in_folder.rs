//! Dead letters in the data folder of a node that was stopped, for whoever runs it: those that nobody can read, which no tenant
//! is shown, are listed, kept, put back and discarded.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use millrace_adapters_local::{DataFolder, Database, SqliteJobQueue};
use millrace_adapters_system::SystemClock;
use millrace_application::{StepPolicy, queue_policy};
use millrace_domain::QueueName;
use millrace_ports::{JobQueue as _, OutgoingMessage};
use serde_json::{Value, json};

use crate::client::eventually;
use crate::keys::create_key;
use crate::node::{Folder, Node};

/// No job at all, with what a terminal must not be told: of the characters that begin a command, the one that a queue takes.
const UNREADABLE: &str = "no job \u{9b}31m";
/// A job of another queue: given up as malformed, and yet it can be read whose it is.
const MISPLACED: &str = r#"{"tenant_id":"acme","document_id":"0199a000-0000-7000-8000-000000000001",
    "job":"purge_document","correlation_id":"0199a000-0000-7000-8000-00000000c001"}"#;

/// Leaves messages on a queue of a stopped node.
async fn send(folder: &Folder, bodies: &[&str]) {
    let database = Database::open(&DataFolder::database_in(&folder.path())).unwrap();
    let policies = QueueName::ALL.map(|queue| (queue, queue_policy(queue, StepPolicy::default()))).into();
    let queue = SqliteJobQueue::new(database, Arc::new(SystemClock), policies);
    let message = |body: &&str| OutgoingMessage { body: (*body).into(), ..OutgoingMessage::default() };
    let sent = queue.send(QueueName::Ingest, bodies.iter().map(message).collect()).await;
    sent.into_iter().for_each(|sent| sent.unwrap());
}

/// Runs a command on the letters of a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.arg("dead-letters").arg("--data-dir").arg(folder).args(arguments).output().unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn listed(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let page: Value = serde_json::from_str(&printed(folder, &[arguments, &["--json"]].concat())).unwrap();
    page["dead_letters"].as_array().unwrap().clone()
}

/// A folder with two letters that cannot be read and one that can, and a node that gave them up and runs.
async fn node_with_letters(folder: &Folder) -> (Node, String) {
    assert_eq!(folder.start().stop(), Some(0));
    send(folder, &[UNREADABLE, MISPLACED, "{}"]).await;
    let node = Node::start(&folder.path(), &["--require-api-keys"]);
    let key = format!("Bearer {}", create_key(folder, "acme"));
    let client = node.client();
    let dead = async || {
        let headers = [("authorization", key.as_str())];
        let queues = client.send(http::Method::GET, "/v1/operations/queues", &headers, "").await.expect(200);
        queues["queues"][0]["dead"].clone()
    };
    eventually("the messages are given up", async || dead().await == 3).await;
    (node, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_nobody_can_read_are_the_operators() {
    let folder = Folder::new();
    let path = folder.path();
    let (node, key) = node_with_letters(&folder).await;
    let headers = [("authorization", key.as_str())];
    let shown = node.client().send(http::Method::GET, "/v1/operations/dead-letters", &headers, "").await;
    let shown = shown.expect(200)["dead_letters"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 1, "a tenant is shown its own: {shown:?}");

    let refused = run(&path, &["--unreadable"]);
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint.contains(&format!("in use by process {}", node.id())), "{complaint}");
    assert!(complaint.contains("stop `millrace serve` first"), "{complaint}");
    assert_eq!(node.stop(), Some(0));

    assert_eq!(listed(&path, &[]).len(), 3);
    let unreadable = listed(&path, &["--unreadable"]);
    assert_eq!(unreadable.len(), 2);
    let all_nobodys = unreadable.iter().all(|letter| letter["tenant_id"].is_null());
    assert!(all_nobodys && unreadable.iter().all(|letter| letter["error_code"] == "malformed"));
    let table = printed(&path, &["--unreadable"]);
    assert!(table.contains("malformed") && !table.contains("purge_document"), "{table}");
    assert!(!table.contains('\u{9b}'), "a letter speaks to the terminal: {table:?}");

    let exported = printed(&path, &["--unreadable", "export"]);
    let exported: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bodies: Vec<_> = exported.iter().map(|letter| &letter["body"]).collect();
    assert_eq!(bodies, [&json!(UNREADABLE), &json!("{}")]);
    assert_eq!(exported[0]["attributes"]["dead-letter-code"], "malformed");

    let would = printed(&path, &["--unreadable", "discard", "--all", "--dry-run"]);
    assert_eq!((would.as_str(), listed(&path, &[]).len()), ("2 messages would be discarded\n", 3));
    assert_eq!(printed(&path, &["discard", "--all", "--unreadable"]), "2 messages discarded\n");
    let left = listed(&path, &[]);
    assert_eq!((left.len(), &left[0]["tenant_id"]), (1, &json!("acme")));
    let gone = run(&path, &["discard", unreadable[0]["message_id"].as_str().unwrap()]);
    assert_eq!(gone.status.code(), Some(5), "{}", String::from_utf8_lossy(&gone.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_put_back_is_taken_when_the_node_runs_again() {
    let folder = Folder::new();
    let path = folder.path();
    let (node, key) = node_with_letters(&folder).await;
    assert_eq!(node.stop(), Some(0));
    let before = listed(&path, &["--unreadable"]);
    let id = before[0]["message_id"].as_str().unwrap();
    let would = printed(&path, &["redrive", id, "--dry-run"]);
    assert!(would.contains(id) && would.ends_with("1 message would go back to work\n"), "{would}");
    assert_eq!(printed(&path, &["redrive", id]), "1 message back at work when the node runs\n");
    assert_eq!(listed(&path, &[]).len(), 2);

    let node = Node::start(&path, &["--require-api-keys"]);
    let client = node.client();
    let dead = async || {
        let headers = [("authorization", key.as_str())];
        let queues = client.send(http::Method::GET, "/v1/operations/queues", &headers, "").await.expect(200);
        queues["queues"][0]["dead"].clone()
    };
    eventually("it is given up again", async || dead().await == 3).await;
}

#[test]
fn what_needs_a_folder_says_so_and_makes_none() {
    let folder = Folder::new();
    let elsewhere = run(&folder.path(), &["--unreadable"]);
    assert_eq!(elsewhere.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(complaint.contains("is not the data folder of a node"), "{complaint}");
    assert!(!folder.path().exists());
    let refused = [
        (&["--unreadable"][..], "--data-dir"),
        (&["discard", "--all"], "--data-dir"),
        (&["export"], "--data-dir"),
        (&["--queue", "embed", "redrive", "--all"], "behind the command"),
    ];
    for (arguments, why) in refused {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        let output = command.arg("dead-letters").args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(why), "{complaint}");
    }
}
