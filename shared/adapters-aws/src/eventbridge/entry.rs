//! An event as an entry of `PutEvents`, with its size as EventBridge computes it: 14 bytes for the time, and the bytes of
//! source, type and detail. Source: EventBridge user guide, "Calculating PutEvents event entry size".

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use millrace_domain::{EVENT_SOURCE, EventEnvelope};
use millrace_ports::{ErrorKind, PortError, permitted_json};

/// What EventBridge counts for a time.
const TIME_BYTES: usize = 14;
/// Most bytes of an entry and of a call, as EventBridge has it (1 MB). The event that a queue gets is a little larger than
/// its entry and must fit into a message of 1 MiB, which this leaves room for.
pub(super) const ENTRY_BYTES_MAX: usize = 1_000_000;

/// An entry that EventBridge will take.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) request: PutEventsRequestEntry,
    /// Bytes that count against the bounds of entry and call.
    pub(super) bytes: usize,
}

impl Entry {
    /// `Invalid` if it is too large.
    pub(super) fn of(bus: &str, event: &EventEnvelope) -> Result<Self, PortError> {
        let attempted = || format!("publish event {} of document {}", event.id, event.document_id);
        // What EventBridge delivers to a queue is a message, too.
        let detail = serde_json::to_string(event)
            .map(permitted_json)
            .map_err(|error| PortError::caused(ErrorKind::Invalid, attempted(), error))?;
        let detail_type = event.event.type_name();
        let bytes = TIME_BYTES + EVENT_SOURCE.len() + detail_type.len() + detail.len();
        if bytes > ENTRY_BYTES_MAX {
            let cause = format!("{bytes} bytes are over {ENTRY_BYTES_MAX}");
            return Err(PortError::caused(ErrorKind::Invalid, attempted(), cause));
        }
        let request = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .time(DateTime::from_millis(event.time.as_millis()))
            .source(EVENT_SOURCE)
            .detail_type(detail_type)
            .detail(detail)
            .set_trace_header(event.trace.traceparent.as_deref().and_then(x_ray_header))
            .build();
        Ok(Self { request, bytes })
    }
}

/// A W3C `traceparent` (`00-<trace>-<parent>-<flags>`) as X-Ray writes it; nothing if it is none.
fn x_ray_header(traceparent: &str) -> Option<String> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else { return None };
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if !is_hex(version, 2) || !is_hex(trace, 32) || !is_hex(parent, 16) || !is_hex(flags, 2) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let (epoch, rest) = trace.split_at(8);
    Some(format!("Root=1-{epoch}-{rest};Parent={parent};Sampled={sampled}"))
}

#[cfg(test)]
mod tests {
    use millrace_test_support::{SeededIds, Story};

    use super::*;

    #[test]
    fn the_size_is_that_which_event_bridge_computes() {
        let ids = SeededIds::new(1);
        let event = Story::of(&ids, "acme").upload(&ids).events.remove(0);
        let entry = Entry::of("millrace", &event).unwrap();
        let detail = entry.request.detail().unwrap().len();
        assert_eq!(entry.bytes, 14 + "millrace".len() + "millrace.document.uploaded".len() + detail);
    }

    #[test]
    fn a_trace_is_handed_on_in_the_form_of_x_ray() {
        let header = x_ray_header("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(header, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1");
        assert!(
            x_ray_header("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap().ends_with("=0")
        );
    }

    #[test]
    fn what_is_no_trace_is_left_out() {
        for text in ["", "00-ab-cd-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ä-ö-ü-x"]
        {
            assert_eq!(x_ray_header(text), None, "{text:?}");
        }
    }
}
