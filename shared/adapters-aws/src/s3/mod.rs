//! S3: `S3BlobStore` for contents and `S3UploadUrls` for large uploads. An object's key is the blob's key as it is.
//! No write is conditional: a key is written again only with the same bytes, or by who may replace it.

mod bucket;
mod failure;
mod part_upload;
#[cfg(test)]
mod requests;
mod s3_blob_store;
mod s3_upload_urls;
mod source_search;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod upload_requests;
#[cfg(test)]
mod upload_suite;

pub use s3_blob_store::S3BlobStore;
pub use s3_upload_urls::S3UploadUrls;
