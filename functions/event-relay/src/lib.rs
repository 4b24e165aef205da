//! millrace-event-relay.
