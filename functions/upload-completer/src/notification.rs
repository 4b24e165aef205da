//! The body of a message that S3 puts on a queue: events about objects, or the test that S3 sends when a bucket's
//! notifications are set up. Source: Amazon S3 User Guide, "Event message structure".

use aws_lambda_events::event::s3::S3Event;
use millrace_domain::{DocumentKey, UploadId};
use millrace_ports::BlobKey;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// What every event about a new object is called like.
const CREATED: &str = "ObjectCreated:";
/// What the test is called.
const TEST: &str = "s3:TestEvent";

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Objects(S3Event),
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

/// The uploads whose content a message tells of. Objects that are no contents of uploads, and events of other kinds, are
/// left out.
///
/// # Errors
/// If the body has another shape, with what is wrong with it.
pub fn created_contents(body: &str) -> Result<Vec<(DocumentKey, UploadId)>, String> {
    let malformed = |reason: &dyn std::fmt::Display| format!("malformed notification: {reason}");
    match serde_json::from_str(body).map_err(|error| malformed(&error))? {
        Body::Test { event } if event == TEST => Ok(Vec::new()),
        Body::Test { event } => Err(malformed(&format_args!("an unknown event {event:?}"))),
        Body::Objects(event) => {
            let created = event.records.iter().filter(|record| {
                // Bucket notifications leave out the service's prefix that the console shows.
                let name = record.event_name.as_deref().unwrap_or_default();
                name.strip_prefix("s3:").unwrap_or(name).starts_with(CREATED)
            });
            let keys = created.filter_map(|record| record.s3.object.key.as_deref());
            Ok(keys.filter_map(|key| BlobKey::source_of(&decoded(key)?)).collect())
        }
    }
}

/// A key as it was before S3 encoded it like a form's value.
fn decoded(key: &str) -> Option<String> {
    percent_decode_str(&key.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "acme/01890a5d-ac96-774b-bcce-b302099a8057/source-01890a5d-ac96-774b-bcce-b302099a8058.content";

    fn body(name: &str, keys: &[&str]) -> String {
        let record = |key: &&str| {
            serde_json::json!({
                "eventTime": "2026-01-02T03:04:05.678Z",
                "eventName": name,
                "userIdentity": {},
                "requestParameters": {},
                "s3": { "bucket": { "name": "b" }, "object": { "key": key, "size": 3 } },
            })
        };
        serde_json::json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() }).to_string()
    }

    #[test]
    fn contents_are_found_however_their_keys_are_encoded() {
        let encoded = KEY.replace('/', "%2F").replace('-', "%2D");
        for name in ["ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"] {
            let found = created_contents(&body(name, &[KEY, &encoded])).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(found[0], found[1]);
            assert_eq!(BlobKey::source(&found[0].0, found[0].1).as_str(), KEY);
        }
    }

    #[test]
    fn other_objects_other_events_and_the_test_mean_nothing() {
        let pending = KEY.replace(".content", ".pending");
        let others = [&pending, "acme/x/source-y.content", "%ff", "", "text-1", "../../etc/passwd"];
        assert_eq!(created_contents(&body("ObjectCreated:Put", &others)).unwrap(), []);
        assert_eq!(created_contents(&body("ObjectRemoved:Delete", &[KEY])).unwrap(), []);
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-02T03:04:05.678Z","Bucket":"b"}"#;
        assert_eq!(created_contents(test).unwrap(), []);
    }

    #[test]
    fn what_is_no_notification_is_malformed() {
        for bad in ["", "{}", "[]", "null", r#"{"Event":"s3:Other"}"#, r#"{"Records":[{}]}"#] {
            assert!(created_contents(bad).unwrap_err().starts_with("malformed notification: "), "{bad}");
        }
    }
}
