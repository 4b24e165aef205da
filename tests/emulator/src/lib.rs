//! Starts the AWS emulator that tests run against, or uses the endpoint in `AWS_ENDPOINT_URL`. What a test puts into it is
//! that test's business; names that must not collide come from `unique`.

mod emulator;

pub use emulator::{ACCESS_KEY_ID, Emulator, REGION, SECRET_ACCESS_KEY, unique};
