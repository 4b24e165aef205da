//! The one stack of this test binary: emulator, stand-in for S3 Vectors, proxies, and the template deployed on them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, ensure};
use millrace_emulator::{Emulator, unique};
use millrace_s3_vectors_stand_in::StandIn;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::binaries::pack;
use crate::crashes::watch_undisturbed_documents;
use crate::emulated_aws::EmulatedAws;
use crate::faults::Faults;
use crate::proxy::start_proxy;
use crate::stand_in_embedder::{DIMENSIONS, SERVICE_MODEL, start_embedder};

/// The stand-in's bucket, by the name that infra/deploy_to_emulator.py gives to the template's.
const VECTOR_BUCKET: &str = "millrace-vectors";
/// After this time the message of a worker that died comes again; on AWS after 330 seconds.
const VISIBILITY_SECONDS: u32 = 6;
/// Small, so that an ordinary document of the tests has more than one batch.
const EMBED_BATCH_CHUNKS: usize = 2;
/// A re-embedding waits so long for those that began before it; on AWS 330 seconds.
const SETTLE_MS: u32 = 1_500;
/// The services whose calls go through a proxy, by the variables of their endpoints.
const PROXIED: [&str; 4] = [
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SQS",
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static STACK: LazyLock<Stack> = LazyLock::new(|| Stack::deploy().unwrap_or_else(|error| panic!("{error:#}")));

/// All that is deployed.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The emulator as an operator sees it.
    pub(crate) aws: EmulatedAws,
    /// What goes wrong between functions and services.
    pub(crate) faults: Arc<Faults>,
    /// Where the API is.
    pub(crate) api_url: String,
    _emulator: Emulator,
    _stand_in: StandIn,
}

/// Runs a test on the stack, which is deployed for the first of them.
pub(crate) fn run<Test: Future<Output = ()>>(test: impl FnOnce(&'static Stack) -> Test) {
    let stack = &*STACK;
    RUNTIME.block_on(test(stack));
}

impl Stack {
    fn deploy() -> anyhow::Result<Self> {
        let zips = tempfile::tempdir().context("make a folder for zips")?;
        let functions = pack(zips.path())?;
        let emulator = Emulator::start(true)?;
        let faults = Arc::new(Faults::default());
        let stand_in = RUNTIME.block_on(StandIn::start(&[VECTOR_BUCKET]))?;
        let proxied = endpoints(&functions, emulator.endpoint(), stand_in.endpoint(), &faults);
        let mut variables = RUNTIME.block_on(proxied)?;
        variables.extend(further_embedder(&RUNTIME.block_on(start_embedder())?));
        variables.push(format!("sweeper:MILLRACE_REEMBEDDING_SETTLE_MS={SETTLE_MS}"));
        let name = unique("e2e");
        let outputs = create(&name, emulator.endpoint(), zips.path(), &variables)?;
        let api = outputs["HttpApiId"].as_str().context("the stack has an API")?;
        let aws = EmulatedAws::new(emulator.endpoint(), stand_in.endpoint(), &name, VECTOR_BUCKET);
        RUNTIME.block_on(aws.shorten_visibility(VISIBILITY_SECONDS));
        let api_url = format!("{}/_aws/execute-api/{api}", emulator.endpoint());
        let stack = Self { aws, faults, api_url, _emulator: emulator, _stand_in: stand_in };
        RUNTIME.block_on(watch_undisturbed_documents(&stack));
        Ok(stack)
    }
}

/// The variables that send each function through proxies of its own.
async fn endpoints(
    functions: &[String],
    emulator: &str,
    stand_in: &str,
    faults: &Arc<Faults>,
) -> anyhow::Result<Vec<String>> {
    let mut variables = Vec::new();
    for function in functions {
        let services = start_proxy(function, emulator, faults).await?;
        let vectors = start_proxy(function, stand_in, faults).await?;
        variables.extend(PROXIED.iter().map(|variable| format!("{function}:{variable}={services}")));
        variables.push(format!("{function}:AWS_ENDPOINT_URL_S3VECTORS={vectors}"));
    }
    Ok(variables)
}

/// The address of the second embedder: not of the kind that the template's parameter takes.
fn further_embedder(url: &str) -> Vec<String> {
    let knows = ["api", "embed-worker", "sweeper", "upload-completer"];
    let values = [
        ("", "openai".to_owned()),
        ("_URL", url.to_owned()),
        ("_MODEL", SERVICE_MODEL.to_owned()),
        ("_DIMENSIONS", DIMENSIONS.to_string()),
    ];
    let of = |function: &str| {
        let variable =
            |(of, value): &(&str, String)| format!("{function}:MILLRACE_FURTHER_EMBEDDER{of}={value}");
        values.iter().map(variable).collect::<Vec<_>>()
    };
    knows.into_iter().flat_map(of).collect()
}

/// Creates the stack from the template, as infra/README.md says.
fn create(name: &str, endpoint: &str, zips: &Path, variables: &[String]) -> anyhow::Result<Value> {
    let mut script = Command::new(workspace().join("target/tools/emulator/bin/python"));
    script.arg(workspace().join("infra/deploy_to_emulator.py"));
    script.args(["--endpoint", endpoint, "--stack", name]).arg("--zips").arg(zips);
    script.arg("--parameter").arg(format!("EmbedBatchChunks={EMBED_BATCH_CHUNKS}"));
    for variable in variables {
        script.args(["--variable", variable]);
    }
    let output = script.output().context("run infra/deploy_to_emulator.py")?;
    ensure!(output.status.success(), "deploy the stack: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read the outputs of the stack")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
