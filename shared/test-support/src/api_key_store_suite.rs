//! What every API key store must do: one case for each promise of the port. Run it with `api_key_store_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use millrace_ports::{ApiKey, ApiKeyStore, ErrorKind};

use crate::SIM_START;
use crate::builders::{hash, tenant};

/// What the suite needs of an implementation: a new, empty store.
pub struct ApiKeyStoreFixture {
    /// The store.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for ApiKeyStoreFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyStoreFixture").field("api_keys", &self.api_keys).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! api_key_store_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            api_key_store_suite,
            $fixture,
            [a_key_is_found_by_the_hash_of_its_secret, a_secret_is_taken_once,]
        );
    };
}

fn key(number: u64, tenant_name: &str) -> ApiKey {
    ApiKey {
        secret_sha256: hash(number),
        tenant_id: tenant(tenant_name),
        label: format!("key {number} of Ünal's laptop"),
        created_at: SIM_START,
    }
}

/// And by no other.
pub async fn a_key_is_found_by_the_hash_of_its_secret(fixture: &ApiKeyStoreFixture) {
    for created in [key(1, "acme"), key(2, "umbrella"), key(3, "acme")] {
        fixture.api_keys.create(created).await.unwrap();
    }
    assert_eq!(fixture.api_keys.find(&hash(2)).await.unwrap(), Some(key(2, "umbrella")));
    assert_eq!(fixture.api_keys.find(&hash(4)).await.unwrap(), None);
}

/// Another key under the same hash is refused and changes nothing.
pub async fn a_secret_is_taken_once(fixture: &ApiKeyStoreFixture) {
    fixture.api_keys.create(key(1, "acme")).await.unwrap();
    let refused = fixture.api_keys.create(key(1, "umbrella")).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(fixture.api_keys.find(&hash(1)).await.unwrap(), Some(key(1, "acme")));
}
