//! The client commands against a stand-in server: the built binary, real HTTP, real files. What the server itself does is
//! tested elsewhere.

mod failures;
mod operations;
mod reading;
mod run;
mod stand_in;
mod upload;
mod upload_by_url;
