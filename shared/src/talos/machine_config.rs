//! The machine config a node runs with. It holds every key of the cluster: `os:admin` only.

use etcdbackup_proto::cosi::resource::{GetRequest, Spec};
use etcdbackup_proto::talos::specs::MachineConfigSpec;
use prost::Message;
use zeroize::Zeroizing;

use super::client::{Talos, Via};
use super::error::{Kind, TalosError};

const METHOD: &str = "Get";
const NAMESPACE: &str = "config";
const TYPE: &str = "MachineConfigs.config.talos.dev";
/// The one that is active, not the one a reboot would load.
const ACTIVE: &str = "v1alpha1";

impl Talos {
    /// The active machine config of `node`: YAML of one document or several.
    ///
    /// # Errors
    /// The call failed everywhere, or the answer holds no machine config.
    pub async fn machine_config(&self, node: &str) -> Result<Zeroizing<String>, TalosError> {
        let ask = async |via: Via| {
            let request = via.request(GetRequest {
                namespace: NAMESPACE.to_owned(),
                r#type: TYPE.to_owned(),
                id: ACTIVE.to_owned(),
                options: None,
            });
            Ok(via.state().get(request).await?.into_inner())
        };
        let answer = self.brief_call(METHOD, node, ask).await?;
        let spec = answer.resource.and_then(|resource| resource.spec);
        spec.and_then(text)
            .ok_or_else(|| self.error(METHOD, node, Kind::Answer("no machine config".to_owned())))
    }
}

fn text(spec: Spec) -> Option<Zeroizing<String>> {
    let whole = Zeroizing::new(spec.proto_spec);
    let message = MachineConfigSpec::decode(&whole[..]).ok()?;
    let text = String::from_utf8(message.yaml_marshalled).ok()?;
    Some(Zeroizing::new(text))
}
