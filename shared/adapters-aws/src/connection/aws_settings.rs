//! Where AWS is and who calls it, from the variables that Lambda sets. There is no chain of providers: a function never
//! uses profiles, SSO or instance metadata, and each of them would cost every cold start.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_types::region::Region;

/// What is wrong with the variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsSettingsError {
    /// A variable that is needed has no value.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// The endpoint in a variable is not one.
    #[error("{0} must begin with http:// or https://")]
    BadEndpoint(&'static str),
}

/// A service that has clients here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsService {
    /// Models.
    BedrockRuntime,
    /// Tables.
    DynamoDb,
    /// The bus.
    EventBridge,
    /// Contents.
    S3,
    /// Vectors.
    S3Vectors,
    /// Queues.
    Sqs,
}

impl AwsService {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::BedrockRuntime, Self::DynamoDb, Self::EventBridge, Self::S3, Self::S3Vectors, Self::Sqs];

    /// The variable of an endpoint for this service alone, as the AWS SDKs name it: after the service's id.
    pub fn endpoint_variable(self) -> &'static str {
        match self {
            Self::BedrockRuntime => "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::EventBridge => "AWS_ENDPOINT_URL_EVENTBRIDGE",
            Self::S3 => "AWS_ENDPOINT_URL_S3",
            Self::S3Vectors => "AWS_ENDPOINT_URL_S3VECTORS",
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
        }
    }
}

/// Where AWS is and who calls it.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Where the resources are.
    pub region: Region,
    /// Another place than AWS, such as an emulator. S3 addresses buckets by path there.
    pub endpoint_url: Option<String>,
    /// Places of single services, such as a private endpoint in a network or a stand-in; they come before the one for all.
    pub service_endpoint_urls: BTreeMap<AwsService, String>,
    /// Whose permissions count. Not shown by `Debug`.
    pub credentials: Credentials,
}

impl AwsSettings {
    /// Reads the variables that Lambda sets. `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL` and those of single services may be
    /// missing; an empty value counts as none.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AwsSettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let needed = |name: &'static str| optional(name).ok_or(AwsSettingsError::Missing(name));
        let endpoint = |name: &'static str| match optional(name) {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                Err(AwsSettingsError::BadEndpoint(name))
            }
            url => Ok(url),
        };
        let mut service_endpoint_urls = BTreeMap::new();
        for service in AwsService::ALL {
            if let Some(url) = endpoint(service.endpoint_variable())? {
                service_endpoint_urls.insert(service, url);
            }
        }
        Ok(Self {
            region: Region::new(needed("AWS_REGION")?),
            endpoint_url: endpoint("AWS_ENDPOINT_URL")?,
            service_endpoint_urls,
            credentials: Credentials::from_keys(
                needed("AWS_ACCESS_KEY_ID")?,
                needed("AWS_SECRET_ACCESS_KEY")?,
                optional("AWS_SESSION_TOKEN"),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: &[(&str, &str)] = &[
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "very secret"),
        ("AWS_SESSION_TOKEN", "a token"),
    ];

    fn settings(variables: &[(&str, &str)]) -> Result<AwsSettings, AwsSettingsError> {
        AwsSettings::from_variables(|name| {
            let found = variables.iter().rev().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variables_of_lambda_are_enough() {
        let settings = settings(LAMBDA).unwrap();
        assert_eq!(settings.region.as_ref(), "eu-central-1");
        assert_eq!(settings.endpoint_url, None);
        assert_eq!(settings.credentials.session_token(), Some("a token"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        for (name, _) in &LAMBDA[..3] {
            let empty = [LAMBDA, &[(*name, "")]].concat();
            assert_eq!(settings(&empty).unwrap_err(), AwsSettingsError::Missing(name));
        }
    }

    #[test]
    fn an_endpoint_is_a_url() {
        let with = |url| settings(&[LAMBDA, &[("AWS_ENDPOINT_URL", url)]].concat());
        assert_eq!(with("http://127.0.0.1:4566").unwrap().endpoint_url.unwrap(), "http://127.0.0.1:4566");
        assert_eq!(with("").unwrap().endpoint_url, None);
        assert_eq!(with("127.0.0.1:4566").unwrap_err(), AwsSettingsError::BadEndpoint("AWS_ENDPOINT_URL"));
    }

    #[test]
    fn a_service_may_have_an_endpoint_of_its_own() {
        let with = |url| settings(&[LAMBDA, &[("AWS_ENDPOINT_URL_S3VECTORS", url)]].concat());
        let elsewhere = BTreeMap::from([(AwsService::S3Vectors, "http://127.0.0.1:1".to_owned())]);
        assert_eq!(with("http://127.0.0.1:1").unwrap().service_endpoint_urls, elsewhere);
        assert_eq!(with("").unwrap().service_endpoint_urls, BTreeMap::new());
        let refused = AwsSettingsError::BadEndpoint("AWS_ENDPOINT_URL_S3VECTORS");
        assert_eq!(with("nowhere").unwrap_err(), refused);
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", settings(LAMBDA).unwrap());
        assert!(
            !shown.contains("secret very") && !shown.contains("very secret") && !shown.contains("a token")
        );
    }
}
