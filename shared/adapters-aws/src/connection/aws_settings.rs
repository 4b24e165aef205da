//! Where AWS is and who calls it, from the variables that Lambda sets. There is no chain of providers: a function never
//! uses profiles, SSO or instance metadata, and each of them would cost every cold start.

use aws_credential_types::Credentials;
use aws_types::region::Region;

/// What is wrong with the variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsSettingsError {
    /// A variable that is needed has no value.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// The endpoint is not one.
    #[error("AWS_ENDPOINT_URL must begin with http:// or https://")]
    BadEndpoint,
}

/// Where AWS is and who calls it.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Where the resources are.
    pub region: Region,
    /// Another place than AWS, such as an emulator. S3 addresses buckets by path there.
    pub endpoint_url: Option<String>,
    /// Whose permissions count. Not shown by `Debug`.
    pub credentials: Credentials,
}

impl AwsSettings {
    /// Reads the variables that Lambda sets. `AWS_SESSION_TOKEN` and `AWS_ENDPOINT_URL` may be missing; an empty value
    /// counts as none.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AwsSettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let needed = |name: &'static str| optional(name).ok_or(AwsSettingsError::Missing(name));
        let endpoint_url = optional("AWS_ENDPOINT_URL");
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if !endpoint_url.iter().all(is_url) {
            return Err(AwsSettingsError::BadEndpoint);
        }
        Ok(Self {
            region: Region::new(needed("AWS_REGION")?),
            endpoint_url,
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
        assert_eq!(with("127.0.0.1:4566").unwrap_err(), AwsSettingsError::BadEndpoint);
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", settings(LAMBDA).unwrap());
        assert!(
            !shown.contains("secret very") && !shown.contains("very secret") && !shown.contains("a token")
        );
    }
}
