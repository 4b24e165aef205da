//! millrace-function-runtime.
