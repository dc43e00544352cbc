//! Resources built into the API server: where etcd has them, and what the API calls them. The
//! group of a built-in resource is not in its key, so it is here.

/// A built-in resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resource {
    /// Path under the prefix, where it differs from `name`.
    path: Option<&'static str>,
    /// Plural name of the API, as `ingresses`.
    pub(super) name: &'static str,
    /// Kind of its objects, as `Ingress`.
    pub(super) kind: &'static str,
    /// API group; empty: core.
    pub(super) group: &'static str,
    /// Whether its objects lie in a namespace.
    pub(super) namespaced: bool,
}

impl Resource {
    /// Path under the prefix, as `services/specs`.
    pub(super) fn path(&self) -> &'static str {
        self.path.unwrap_or(self.name)
    }

    const fn of(
        name: &'static str,
        kind: &'static str,
        group: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            path: None,
            name,
            kind,
            group,
            namespaced,
        }
    }

    const fn at(self, path: &'static str) -> Self {
        Self {
            path: Some(path),
            ..self
        }
    }
}

const IN_NAMESPACE: bool = true;
const IN_CLUSTER: bool = false;
const CORE: &str = "";
const APPS: &str = "apps";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const FLOWCONTROL: &str = "flowcontrol.apiserver.k8s.io";
const COORDINATION: &str = "coordination.k8s.io";
const DEVICES: &str = "resource.k8s.io";

/// All of them.
#[rustfmt::skip]
pub(super) const BUILT_IN: &[Resource] = &[
    Resource::of("configmaps", "ConfigMap", CORE, IN_NAMESPACE),
    Resource::of("secrets", "Secret", CORE, IN_NAMESPACE),
    Resource::of("pods", "Pod", CORE, IN_NAMESPACE),
    Resource::of("podtemplates", "PodTemplate", CORE, IN_NAMESPACE),
    Resource::of("persistentvolumeclaims", "PersistentVolumeClaim", CORE, IN_NAMESPACE),
    Resource::of("resourcequotas", "ResourceQuota", CORE, IN_NAMESPACE),
    Resource::of("limitranges", "LimitRange", CORE, IN_NAMESPACE),
    Resource::of("serviceaccounts", "ServiceAccount", CORE, IN_NAMESPACE),
    Resource::of("events", "Event", CORE, IN_NAMESPACE),
    Resource::of("services", "Service", CORE, IN_NAMESPACE).at("services/specs"),
    Resource::of("endpoints", "Endpoints", CORE, IN_NAMESPACE).at("services/endpoints"),
    Resource::of("replicationcontrollers", "ReplicationController", CORE, IN_NAMESPACE).at("controllers"),
    Resource::of("namespaces", "Namespace", CORE, IN_CLUSTER),
    Resource::of("nodes", "Node", CORE, IN_CLUSTER).at("minions"),
    Resource::of("persistentvolumes", "PersistentVolume", CORE, IN_CLUSTER),
    Resource::of("deployments", "Deployment", APPS, IN_NAMESPACE),
    Resource::of("daemonsets", "DaemonSet", APPS, IN_NAMESPACE),
    Resource::of("statefulsets", "StatefulSet", APPS, IN_NAMESPACE),
    Resource::of("replicasets", "ReplicaSet", APPS, IN_NAMESPACE),
    Resource::of("controllerrevisions", "ControllerRevision", APPS, IN_NAMESPACE),
    Resource::of("jobs", "Job", "batch", IN_NAMESPACE),
    Resource::of("cronjobs", "CronJob", "batch", IN_NAMESPACE),
    Resource::of("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", IN_NAMESPACE),
    Resource::of("poddisruptionbudgets", "PodDisruptionBudget", "policy", IN_NAMESPACE),
    Resource::of("networkpolicies", "NetworkPolicy", NETWORKING, IN_NAMESPACE),
    Resource::of("ingresses", "Ingress", NETWORKING, IN_NAMESPACE).at("ingress"),
    Resource::of("ingressclasses", "IngressClass", NETWORKING, IN_CLUSTER),
    Resource::of("ipaddresses", "IPAddress", NETWORKING, IN_CLUSTER),
    Resource::of("servicecidrs", "ServiceCIDR", NETWORKING, IN_CLUSTER),
    Resource::of("endpointslices", "EndpointSlice", "discovery.k8s.io", IN_NAMESPACE),
    Resource::of("leases", "Lease", COORDINATION, IN_NAMESPACE),
    Resource::of("leasecandidates", "LeaseCandidate", COORDINATION, IN_NAMESPACE),
    Resource::of("roles", "Role", RBAC, IN_NAMESPACE),
    Resource::of("rolebindings", "RoleBinding", RBAC, IN_NAMESPACE),
    Resource::of("clusterroles", "ClusterRole", RBAC, IN_CLUSTER),
    Resource::of("clusterrolebindings", "ClusterRoleBinding", RBAC, IN_CLUSTER),
    Resource::of("storageclasses", "StorageClass", STORAGE, IN_CLUSTER),
    Resource::of("volumeattachments", "VolumeAttachment", STORAGE, IN_CLUSTER),
    Resource::of("csidrivers", "CSIDriver", STORAGE, IN_CLUSTER),
    Resource::of("csinodes", "CSINode", STORAGE, IN_CLUSTER),
    Resource::of("volumeattributesclasses", "VolumeAttributesClass", STORAGE, IN_CLUSTER),
    Resource::of("csistoragecapacities", "CSIStorageCapacity", STORAGE, IN_NAMESPACE),
    Resource::of("priorityclasses", "PriorityClass", SCHEDULING, IN_CLUSTER),
    Resource::of("workloads", "Workload", SCHEDULING, IN_NAMESPACE),
    Resource::of("podgroups", "PodGroup", SCHEDULING, IN_NAMESPACE),
    Resource::of("runtimeclasses", "RuntimeClass", "node.k8s.io", IN_CLUSTER),
    Resource::of("certificatesigningrequests", "CertificateSigningRequest", CERTIFICATES, IN_CLUSTER),
    Resource::of("clustertrustbundles", "ClusterTrustBundle", CERTIFICATES, IN_CLUSTER),
    Resource::of("podcertificaterequests", "PodCertificateRequest", CERTIFICATES, IN_NAMESPACE),
    Resource::of("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", ADMISSION, IN_CLUSTER),
    Resource::of("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", ADMISSION, IN_CLUSTER),
    Resource::of("validatingadmissionpolicies", "ValidatingAdmissionPolicy", ADMISSION, IN_CLUSTER),
    Resource::of("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", ADMISSION, IN_CLUSTER),
    Resource::of("mutatingadmissionpolicies", "MutatingAdmissionPolicy", ADMISSION, IN_CLUSTER),
    Resource::of("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", ADMISSION, IN_CLUSTER),
    Resource::of("flowschemas", "FlowSchema", FLOWCONTROL, IN_CLUSTER),
    Resource::of("prioritylevelconfigurations", "PriorityLevelConfiguration", FLOWCONTROL, IN_CLUSTER),
    Resource::of("deviceclasses", "DeviceClass", DEVICES, IN_CLUSTER),
    Resource::of("devicetaintrules", "DeviceTaintRule", DEVICES, IN_CLUSTER),
    Resource::of("resourcepoolstatusrequests", "ResourcePoolStatusRequest", DEVICES, IN_CLUSTER),
    Resource::of("resourceslices", "ResourceSlice", DEVICES, IN_CLUSTER),
    Resource::of("resourceclaims", "ResourceClaim", DEVICES, IN_NAMESPACE),
    Resource::of("resourceclaimtemplates", "ResourceClaimTemplate", DEVICES, IN_NAMESPACE),
    Resource::of("storageversionmigrations", "StorageVersionMigration", "storagemigration.k8s.io", IN_CLUSTER),
    Resource::of("storageversions", "StorageVersion", "internal.apiserver.k8s.io", IN_CLUSTER),
];

/// The built-in resource at this path.
pub(super) fn at_path(path: &str) -> Option<&'static Resource> {
    BUILT_IN.iter().find(|resource| resource.path() == path)
}

/// Short names of kubectl, and what they stand for.
pub(super) const SHORT_NAMES: &[(&str, &str)] = &[
    ("cm", "configmaps"),
    ("po", "pods"),
    ("pvc", "persistentvolumeclaims"),
    ("pv", "persistentvolumes"),
    ("quota", "resourcequotas"),
    ("limits", "limitranges"),
    ("sa", "serviceaccounts"),
    ("ev", "events"),
    ("svc", "services"),
    ("ep", "endpoints"),
    ("rc", "replicationcontrollers"),
    ("ns", "namespaces"),
    ("no", "nodes"),
    ("deploy", "deployments"),
    ("ds", "daemonsets"),
    ("sts", "statefulsets"),
    ("rs", "replicasets"),
    ("cj", "cronjobs"),
    ("hpa", "horizontalpodautoscalers"),
    ("pdb", "poddisruptionbudgets"),
    ("netpol", "networkpolicies"),
    ("ing", "ingresses"),
    ("ip", "ipaddresses"),
    ("sc", "storageclasses"),
    ("vac", "volumeattributesclasses"),
    ("pc", "priorityclasses"),
    ("csr", "certificatesigningrequests"),
    ("crd", "customresourcedefinitions"),
    ("crds", "customresourcedefinitions"),
];
