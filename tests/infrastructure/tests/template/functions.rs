//! Functions against the folders of their code.

use std::collections::BTreeSet;

use crate::expanded::{pascal, properties, referred, resources, root, template};

/// The folders under functions/, as resources are named.
fn folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("functions")).unwrap();
    let crates = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().join("Cargo.toml").exists());
    let folders: BTreeSet<String> =
        crates.map(|entry| pascal(&entry.file_name().to_string_lossy())).collect();
    assert!(folders.len() > 5, "the walk found only {folders:?}");
    folders
}

#[test]
fn every_folder_has_a_function_and_every_function_a_folder() {
    let deployed: BTreeSet<String> =
        resources("AWS::Lambda::Function").into_keys().map(str::to_owned).collect();
    assert_eq!(deployed, folders());
}

#[test]
fn every_function_is_built_from_its_folder() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    for folder in std::fs::read_dir(root().join("functions")).unwrap() {
        let folder = folder.unwrap().file_name().to_string_lossy().into_owned();
        let name = pascal(&folder);
        assert!(
            text.contains(&format!("CodeUri: ../functions/{folder}\n")),
            "{name} is built from elsewhere"
        );
        let metadata = &template()["Resources"][&*name]["Metadata"];
        assert_eq!(metadata["BuildMethod"], "rust-cargolambda", "{name}");
        assert_eq!(metadata["BuildProperties"]["Binary"], *folder, "{name}");
    }
}

#[test]
fn every_function_runs_native_code_and_logs_json_to_its_own_group() {
    for (name, function) in resources("AWS::Lambda::Function") {
        assert_eq!(function["Runtime"], "provided.al2023", "{name}");
        let logging = &function["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{name}");
        assert_eq!(referred(&logging["LogGroup"]), Some(&*format!("{name}Logs")));
        assert!(
            properties(&format!("{name}Logs"))["RetentionInDays"].is_object(),
            "{name} keeps logs for ever"
        );
    }
}

#[test]
fn every_function_has_alarms_on_errors_and_throttles() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    for name in resources("AWS::Lambda::Function").into_keys() {
        for kind in ["Errors", "Throttles"] {
            let alarm =
                alarms.get(&*format!("{name}{kind}Alarm")).unwrap_or_else(|| panic!("{name}: {kind}"));
            assert!(
                alarm.to_string().contains(&format!(r#"{{"Ref":"{name}"}}"#)),
                "{name}: {kind} of another function"
            );
        }
    }
}

#[test]
fn every_queue_has_an_alarm() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    for name in resources("AWS::SQS::Queue").into_keys() {
        let watches = format!(r#"{{"Fn::GetAtt":["{name}","QueueName"]}}"#);
        let metric = if name.ends_with("Queue") {
            "ApproximateAgeOfOldestMessage"
        } else {
            "ApproximateNumberOfMessagesVisible"
        };
        let watched = alarms
            .values()
            .any(|alarm| alarm["MetricName"] == metric && alarm["Dimensions"].to_string().contains(&watches));
        assert!(watched, "nobody hears of {name}");
    }
}
