//! A connection to this test binary's emulator. One for each test: a pool belongs to the runtime that opened it.

use aws_credential_types::Credentials;
use aws_types::region::Region;
use millrace_emulator::{ACCESS_KEY_ID, Emulator, REGION, SECRET_ACCESS_KEY};

use super::{AwsConnection, AwsSettings};

/// Who calls the emulator, and where it is.
pub(crate) fn settings() -> AwsSettings {
    AwsSettings {
        region: Region::from_static(REGION),
        endpoint_url: Some(Emulator::shared().endpoint().to_owned()),
        service_endpoint_urls: Default::default(),
        credentials: Credentials::from_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None),
    }
}

/// A connection that may do anything there.
pub(crate) fn connection() -> AwsConnection {
    AwsConnection::new(&settings())
}
