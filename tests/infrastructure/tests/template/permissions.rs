//! What each function may do: a role of its own, statements that name resources, and a reason beside each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::expanded::{list, properties, referred, resources, root};

/// Statements whose actions know no resources.
const WITHOUT_RESOURCE: [&str; 1] = ["SendTraces"];

/// The statements of a function's role; those under a condition as if it held.
fn statements(function: &str) -> Vec<&'static Value> {
    let role = referred(&properties(function)["Role"]).unwrap();
    let policies = list(&properties(role)["Policies"]);
    let all = policies.into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    all.map(|statement| statement["Fn::If"].get(1).unwrap_or(statement)).collect()
}

fn functions() -> Vec<&'static str> {
    resources("AWS::Lambda::Function").into_keys().collect()
}

/// The actions that a function has on each resource of the template.
fn grants(function: &str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut grants: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for statement in statements(function) {
        for resource in list(&statement["Resource"]).into_iter().filter_map(referred) {
            let actions = list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap());
            grants.entry(resource).or_default().extend(actions);
        }
    }
    grants
}

#[test]
fn every_function_has_a_role_of_its_own() {
    let roles: BTreeSet<&str> =
        functions().iter().map(|function| referred(&properties(function)["Role"]).unwrap()).collect();
    assert_eq!(roles.len(), functions().len());
    let deployed: BTreeSet<&str> = resources("AWS::IAM::Role").into_keys().collect();
    assert_eq!(deployed, roles, "a role without a function, or one that came with a managed policy");
    for role in roles {
        assert!(properties(role)["ManagedPolicyArns"].is_null(), "{role} has a managed policy");
    }
}

#[test]
fn every_statement_names_its_actions_and_its_resources() {
    for function in functions() {
        for statement in statements(function) {
            let sid =
                statement["Sid"].as_str().unwrap_or_else(|| panic!("{function}: a statement without a name"));
            for action in list(&statement["Action"]) {
                assert!(!action.as_str().unwrap().contains('*'), "{function}: {sid} allows {action}");
            }
            // Models behind an inference profile may be in any region; which profile they are reached by is named.
            let through = referred(&statement["Condition"]["ArnEquals"]["bedrock:InferenceProfileArn"]);
            for resource in list(&statement["Resource"]) {
                let named = referred(resource).or(through).is_some();
                assert!(named || WITHOUT_RESOURCE.contains(&sid), "{function}: {sid} is about {resource}");
            }
        }
    }
}

#[test]
fn every_statement_says_why() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut seen = 0;
    for (at, line) in
        lines.iter().enumerate().filter(|(_, line)| line.trim_start_matches("- ").starts_with("Sid: "))
    {
        let is_policy_of_a_resource = line.contains("OnlyOverTls") || line.contains("FromThe");
        if is_policy_of_a_resource {
            continue;
        }
        // A statement under a condition has the condition between.
        let above = lines[..at].iter().rev().find(|above| !above.starts_with("- ")).unwrap();
        assert!(above.starts_with('#'), "line {}: {line} has no comment", at + 1);
        seen += 1;
    }
    let all: usize = functions().iter().map(|function| statements(function).len()).sum();
    assert_eq!(seen, all, "statements in the text and in the expanded template");
}

/// A queue's event source polls with the function's role.
#[test]
fn every_worker_may_take_what_its_event_source_reads() {
    for mapping in resources("AWS::Lambda::EventSourceMapping").into_values() {
        let (source, function) =
            (referred(&mapping["EventSourceArn"]).unwrap(), referred(&mapping["FunctionName"]).unwrap());
        let wanted: &[&str] = if source.ends_with("Queue") {
            &[
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
            ]
        } else {
            &[
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:DescribeStream",
                "dynamodb:ListStreams",
            ]
        };
        let granted = &grants(function)[source];
        assert!(wanted.iter().all(|action| granted.contains(action)), "{function} on {source}: {granted:?}");
    }
}

/// A model is invoked by its own name or by that of an inference profile; then the models behind it are looked at as well.
#[test]
fn who_embeds_may_invoke_the_models_of_both_embedders_and_their_profiles() {
    let embeds = |function: &&'static str| {
        let variables = &properties(function)["Environment"]["Variables"];
        variables["MILLRACE_EMBEDDER_URL"].is_object()
    };
    let of = |part: &str, model: &str| json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:bedrock:{part}/{model}") });
    let mut functions: Vec<_> = functions().into_iter().filter(embeds).collect();
    functions.sort_unstable();
    assert_eq!(functions, ["Api", "EmbedWorker"]);
    for function in functions {
        for model in ["${EmbedderModel}", "${FurtherEmbedderModel}"] {
            let direct = of("${AWS::Region}::foundation-model", model);
            let profile = of("${AWS::Region}:${AWS::AccountId}:inference-profile", model);
            let through = json!({ "ArnEquals": { "bedrock:InferenceProfileArn": profile } });
            let named = |statement: &&Value| statement["Resource"] == json!([direct, profile]);
            let behind = |statement: &&Value| {
                statement["Resource"] == of("*::foundation-model", "*") && statement["Condition"] == through
            };
            let invokes =
                statements(function).into_iter().filter(|one| one["Action"] == "bedrock:InvokeModel");
            let invokes: Vec<_> = invokes.collect();
            assert_eq!(invokes.iter().filter(|one| named(one)).count(), 1, "{function}: {model}");
            assert_eq!(invokes.iter().filter(|one| behind(one)).count(), 1, "{function}: {model}");
            assert_eq!(invokes.len(), 4, "{function}");
        }
    }
}

/// What a function is told of it may use, and what it may use it was told of.
#[test]
fn permissions_and_variables_speak_of_the_same_resources() {
    let wired = |function: &'static str| {
        let sources = resources("AWS::Lambda::EventSourceMapping").into_values();
        let mine = sources.filter(move |mapping| referred(&mapping["FunctionName"]) == Some(function));
        mine.flat_map(|mapping| {
            [&mapping["EventSourceArn"], &mapping["DestinationConfig"]["OnFailure"]["Destination"]]
        })
        .filter_map(referred)
    };
    for function in functions() {
        let variables = properties(function)["Environment"]["Variables"].as_object().unwrap();
        let told: BTreeSet<&str> = variables
            .values()
            .filter_map(|value| referred(value).or_else(|| referred(&value["Fn::Select"][1]["Fn::Split"][1])))
            .chain(wired(function))
            .filter(|name| crate::expanded::template()["Resources"].get(name).is_some())
            .collect();
        let logs = format!("{function}Logs");
        let may: BTreeSet<&str> = grants(function)
            .into_keys()
            .filter(|name| *name != logs && !name.ends_with("EmbedderModel"))
            .collect();
        assert_eq!(told, may, "{function}: variables and event sources (left), permissions (right)");
    }
}
