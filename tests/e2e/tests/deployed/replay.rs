//! The bus's archive, replayed into a subscriber that came later.

use std::time::{Duration, SystemTime};

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::ReplayDestination;

use crate::client::Tenant;
use crate::history::{assert_ready_once, types};
use crate::stack::run;
use crate::subscriber::Subscriber;

/// Around the test, since the archive tells times by whole seconds.
const MARGIN: Duration = Duration::from_secs(2);

#[test]
fn a_subscriber_that_comes_later_gets_the_history_from_the_archive() {
    run(async |stack| {
        let events = stack.aws.connection.eventbridge();
        let bus = events.describe_event_bus().name(stack.aws.name("events")).send().await.unwrap();
        let bus = bus.arn().unwrap();
        // The template's archive is left out of the emulator's stack, which knows archives, but not as resources of a template.
        let archive = events.create_archive().archive_name("replayed").event_source_arn(bus);
        let archive = archive.event_pattern(r#"{"source":["millrace"]}"#).send().await.unwrap();
        let start = SystemTime::now();
        let tenant = Tenant::new(stack, "archived").await;
        let id = tenant.upload("the zqarchived ferry").await;
        assert_ready_once(stack, &tenant, &id, "zqarchived").await;
        tenant.listed(&id).await;
        let history = tenant.timeline(&id).await;

        let subscriber = Subscriber::named(stack, "archived", "latecomer").await;
        let destination =
            ReplayDestination::builder().arn(bus).filter_arns(&subscriber.rule_arn).build().unwrap();
        let replay =
            events.start_replay().replay_name("latecomer").event_source_arn(archive.archive_arn().unwrap());
        let replay = replay.event_start_time(DateTime::from(start - MARGIN)).destination(destination);
        replay.event_end_time(DateTime::from(SystemTime::now())).send().await.unwrap();

        let told = subscriber.wait_for(history.len()).await;
        assert_eq!(types(&told), types(&history));
        let ids = told.iter().map(|event| &event["id"]);
        assert!(ids.eq(history.iter().map(|event| &event["id"])));
    });
}
