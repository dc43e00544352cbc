//! The certificate of the Sealed Secrets controller, through the API server's service proxy, as
//! kubeseal fetches it.

use serde_json::Value;

use super::api::Api;
use super::error::KubeError;

impl Api {
    /// The certificate that the controller seals to now, as PEM.
    ///
    /// # Errors
    /// The Service is not there, may not be asked, or does not answer.
    pub async fn sealing_certificate(
        &self,
        namespace: &str,
        service: &str,
    ) -> Result<String, KubeError> {
        let services = format!("/api/v1/namespaces/{namespace}/services");
        let found: Value = self.get(&format!("{services}/{service}")).await?;
        let port = found["spec"]["ports"][0]["name"]
            .as_str()
            .unwrap_or_default();
        self.text(&format!(
            "{services}/http:{service}:{port}/proxy/v1/cert.pem"
        ))
        .await
    }
}
