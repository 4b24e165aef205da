//! millrace-test-support.
