//! What surrounds a deployed function when it starts: Lambda's Runtime API, the environment, the cloud behind TLS. Enough to
//! measure starts with; it schedules nothing and knows neither extensions nor limits.

mod cloud;
mod function;
mod package_size;
mod runtime_api;
mod sample_events;
mod tls_front;

pub(crate) use cloud::Cloud;
pub(crate) use function::{FunctionBinary, StartedFunction};
pub(crate) use package_size::PackageSize;
pub(crate) use runtime_api::{Call, RuntimeApi, WaitingPoll};
pub(crate) use sample_events::SampleEvents;
pub(crate) use tls_front::TlsFront;
