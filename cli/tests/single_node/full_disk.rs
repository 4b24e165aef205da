//! A data folder that takes no more, or nothing at all. No test may mount anything, so the disk is filled by a limit on the
//! size of files (`ulimit -f`, with its signal ignored): writes fail in the middle, as they do on a full disk, for
//! ordinary users and for root alike, and lifting the limit frees space. The system's word for it is another one
//! (EFBIG, not ENOSPC).

use std::io::Write as _;
use std::process::{Command, Stdio};

use http::{Method, StatusCode};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::client::{Answer, Client};
use crate::node::{Folder, Node, command};

/// What files may grow to while the disk is full; a new folder's are smaller.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// Beyond the bound for rows of the database: such contents are files of their own.
const LARGE_BYTES: usize = 3 << 20;
const UPLOADS_MAX: usize = 200;

/// Ignores the signal that comes with the limit; what is ignored stays so in the program that follows.
const WITHOUT_SIGNAL: &str = "trap '' 25; exec \"$@\"";

fn start(folder: &Folder) -> Node {
    let serve = command(&folder.path(), &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", WITHOUT_SIGNAL, "sh"]).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    Node::start_command(shell)
}

/// Bounds the files of a running node, or frees them.
fn limit_files(node: &Node, bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: bytes.or(maximum), maximum };
    prlimit(Pid::from_raw(node.id().try_into().unwrap()), Resource::Fsize, limit).unwrap();
}

async fn upload(client: &Client, name: &str, content: Vec<u8>) -> Answer {
    client.send(Method::POST, "/v1/documents", &[("x-filename", name)], content).await
}

/// The refusal of a full disk: a problem that says to come back, not a fault.
#[track_caller]
fn assert_refused_for_now(answer: &Answer) {
    let problem = answer.json();
    assert!(
        [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INSUFFICIENT_STORAGE].contains(&answer.status),
        "{problem}"
    );
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(answer.headers.contains_key("retry-after"), "{problem}");
    assert_eq!(problem["retryable"], true, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("again"), "{problem}");
}

/// A page of text of 40 kB: many of them fill the database.
fn page(number: usize) -> Vec<u8> {
    let mut text = Vec::new();
    write!(text, "zqfull{number}x begins. ").unwrap();
    text.extend(b"The harbour was full. ".repeat(1_800));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_uploads_and_loses_nothing() {
    let folder = Folder::new();
    let node = start(&folder);
    let client = node.client();
    let before = client.upload("before.txt", "zqbefore was there before").await;
    client.ready(&before).await;

    limit_files(&node, Some(FILE_BYTES_MAX));
    assert_refused_for_now(&upload(&client, "large.txt", vec![b'x'; LARGE_BYTES]).await);
    let mut acknowledged = Vec::new();
    let mut refused = false;
    for number in 0..UPLOADS_MAX {
        let answer = upload(&client, "page.txt", page(number)).await;
        if answer.status == StatusCode::ACCEPTED {
            acknowledged.push((number, answer.json()["document_id"].as_str().unwrap().to_owned()));
        } else {
            assert_refused_for_now(&answer);
            refused = true;
            break;
        }
    }
    assert!(refused, "{} uploads fitted into a full disk", acknowledged.len());
    // What is there is still served.
    assert_eq!(client.document(&before).await["status"], "ready");
    assert_eq!(client.documents_with("zqbefore").await, [before.as_str()]);

    limit_files(&node, None);
    let after = upload(&client, "after.txt", b"zqafter came when there was space".to_vec()).await.expect(202);
    client.ready(after["document_id"].as_str().unwrap()).await;
    // A message whose return could not be written comes back after its visibility timeout, minutes later, or at once
    // with a restart.
    assert_eq!(node.stop(), Some(0));
    let node = folder.start();
    let client = node.client();
    for (number, id) in &acknowledged {
        client.ready(id).await;
        assert_eq!(client.documents_with(&format!("zqfull{number}x")).await, [id.as_str()]);
    }
    let large = upload(&client, "large.txt", b"word ".repeat(LARGE_BYTES / 5 / 16)).await.expect(202);
    client.ready(large["document_id"].as_str().unwrap()).await;
}

/// Permissions do not bind root: what nobody can write is a file in the place of the folder, and the kernel's own tree.
#[test]
fn a_folder_that_cannot_be_written_is_refused_with_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("data");
    std::fs::write(&file, "not a folder").unwrap();
    for path in [file.clone(), file.join("below"), "/sys/millrace".into(), "/proc/millrace/data".into()] {
        let ended = command(&path, &[]).stdout(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{} was taken: {told}", path.display());
        assert!(told.contains(&path.display().to_string()), "the folder is not named: {told}");
        assert!(told.contains("--data-dir"), "nothing says what to do: {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
}
