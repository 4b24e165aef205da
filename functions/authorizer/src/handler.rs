//! Decodes the gateway's question (HTTP API, payload 2.0), looks the key up, answers in the simple form. What the tenant may
//! do is not asked here. Source: API Gateway Developer Guide, "Control access to HTTP APIs with AWS Lambda authorizers".

use aws_lambda_events::event::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use millrace_application::{AuthenticateApiKey, presented_secret};
use millrace_ports::PortError;
use serde::{Deserialize, Serialize};

/// What the api function finds in its request's context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Whose request it is; absent if it is nobody's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant_id: Option<String>,
}

/// The answer to the gateway.
pub type Answer = ApiGatewayV2CustomAuthorizerSimpleResponse<Tenant>;

/// Handles one invocation. An error, not a refusal, when the keys cannot be read: the gateway then answers 500, and the
/// client tries again.
pub async fn handle(
    keys: &AuthenticateApiKey,
    request: ApiGatewayV2CustomAuthorizerV2Request,
) -> Result<Answer, PortError> {
    let header = |name| request.headers.get(name).map(|value| value.as_bytes());
    let tenant = match presented_secret(header("authorization"), header("x-api-key")) {
        Ok(secret) => keys.run(secret).await?,
        Err(reason) => {
            tracing::debug!(?reason, "request carries no key");
            None
        }
    };
    let mut answer = Answer::default();
    answer.is_authorized = tenant.is_some();
    answer.context = Tenant { tenant_id: tenant.map(|tenant| tenant.to_string()) };
    Ok(answer)
}
