//! The ports on S3, DynamoDB, SQS, EventBridge, S3 Vectors and Bedrock. One folder a service; `connection` makes their
//! clients. No use case is known here.
