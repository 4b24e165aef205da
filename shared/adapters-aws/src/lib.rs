//! The ports on S3, DynamoDB, SQS, EventBridge, S3 Vectors and Bedrock. One folder a service; `connection` makes their
//! clients. No use case is known here.

pub mod bedrock;
pub mod connection;
pub mod dynamodb;
pub mod eventbridge;
pub mod s3;
pub mod s3vectors;
pub mod sqs;
