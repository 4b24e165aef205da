//! millrace-api.
