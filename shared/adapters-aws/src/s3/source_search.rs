//! The search for uploads that were last written long ago. It goes round the bucket, a bounded number of pages at a time,
//! and keeps the place where it stopped in the bucket itself: a function's memory does not last until the next search.

use aws_sdk_s3::types::Object;
use bytes::Bytes;
use millrace_domain::{DocumentKey, TenantId, Timestamp, UploadId};
use millrace_ports::{BlobKey, ErrorKind, PortError};

use super::bucket::{Bucket, PageStart};

/// Pages of one search: 20,000 keys, some seconds.
const PAGES_MAX: usize = 20;
/// Where the places are kept. No tenant's name begins so.
const PLACES: &str = "_source-search/";

/// One search.
#[derive(Debug)]
pub(super) struct SourceSearch<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) tenant: Option<&'a TenantId>,
    /// Only what was written before counts.
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl SourceSearch<'_> {
    /// Goes on where the last search stopped, at most once round.
    pub(super) async fn run(&self) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let place = format!("{PLACES}{}", self.tenant.map_or("all", TenantId::as_str));
        let start = match self.bucket.get(&place).await {
            Ok(key) => String::from_utf8_lossy(&key).into_owned(),
            Err(error) if error.kind == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut round = Round { found: Vec::new(), last: start.clone(), pages_left: PAGES_MAX };
        self.go(&mut round, None).await?;
        if !start.is_empty() && round.last.is_empty() {
            self.go(&mut round, Some(&start)).await?;
        }
        if round.last != start {
            self.bucket.put(&place, Bytes::from(round.last)).await?;
        }
        Ok(round.found)
    }

    /// To the end of the bucket, or to a key. Leaves `last` empty if it came to the end.
    async fn go(&self, round: &mut Round, up_to: Option<&str>) -> Result<(), PortError> {
        let prefix = self.tenant.map_or_else(String::new, |tenant| format!("{tenant}/"));
        let after = Some(round.last.clone()).filter(|last| !last.is_empty());
        let mut token = None;
        while round.pages_left > 0 {
            round.pages_left -= 1;
            let start = PageStart { prefix: &prefix, token: token.as_deref(), after: after.as_deref() };
            let page = self.bucket.page(start).await?;
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                if up_to.is_some_and(|end| key > end) {
                    return Ok(());
                }
                if round.found.len() == self.limit {
                    return Ok(());
                }
                round.last = key.to_owned();
                round.found.extend(self.candidate(key, object));
            }
            token = page.next_continuation_token;
            if token.is_none() {
                round.last.clear();
                return Ok(());
            }
        }
        Ok(())
    }

    fn candidate(&self, key: &str, object: &Object) -> Option<(DocumentKey, UploadId)> {
        let upload = BlobKey::upload_of(key)?;
        let written = object.last_modified()?.to_millis().ok()?;
        (Timestamp::from_millis(written) < self.before).then_some(upload)
    }
}

#[derive(Debug)]
struct Round {
    found: Vec<(DocumentKey, UploadId)>,
    /// The last key that was looked at; empty before the first and behind the last.
    last: String,
    pages_left: usize,
}
