//! millrace-application.
