//! What objects are made of.

/// Kinds with their share of a hundred objects.
pub(super) const KINDS: &[(Kind, u32)] = &[
    (
        Kind {
            resource: "pods",
            version: "v1",
            name: "Pod",
        },
        22,
    ),
    (
        Kind {
            resource: "events",
            version: "v1",
            name: "Event",
        },
        20,
    ),
    (
        Kind {
            resource: "secrets",
            version: "v1",
            name: "Secret",
        },
        13,
    ),
    (
        Kind {
            resource: "configmaps",
            version: "v1",
            name: "ConfigMap",
        },
        13,
    ),
    (
        Kind {
            resource: "replicasets",
            version: "apps/v1",
            name: "ReplicaSet",
        },
        10,
    ),
    (
        Kind {
            resource: "deployments",
            version: "apps/v1",
            name: "Deployment",
        },
        6,
    ),
    (
        Kind {
            resource: "services/specs",
            version: "v1",
            name: "Service",
        },
        5,
    ),
    (
        Kind {
            resource: "endpointslices",
            version: "discovery.k8s.io/v1",
            name: "EndpointSlice",
        },
        5,
    ),
    (
        Kind {
            resource: "serviceaccounts",
            version: "v1",
            name: "ServiceAccount",
        },
        4,
    ),
    (
        Kind {
            resource: "leases",
            version: "coordination.k8s.io/v1",
            name: "Lease",
        },
        2,
    ),
];

pub(super) const NAMESPACES: &[&str] = &[
    "kube-system",
    "default",
    "monitoring",
    "ingress",
    "cert-manager",
    "shop",
    "billing",
    "ci",
];
pub(super) const WORDS: &[&str] = &[
    "api",
    "web",
    "worker",
    "cache",
    "queue",
    "auth",
    "mail",
    "search",
    "report",
    "proxy",
    "gateway",
    "sync",
    "metrics",
    "logs",
    "backup",
    "scheduler",
];
pub(super) const SETTINGS: &[&str] = &[
    "LOG_LEVEL",
    "DATABASE_URL",
    "CACHE_TTL_SECONDS",
    "LISTEN_ADDRESS",
    "FEATURE_FLAGS",
    "TRACING_ENDPOINT",
    "MAX_CONNECTIONS",
    "RETRY_LIMIT",
    "QUEUE_NAME",
    "REGION",
];

#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) resource: &'static str,
    pub(super) version: &'static str,
    pub(super) name: &'static str,
}

pub(super) const MANAGED_FIELDS: &str = r#"{"f:metadata":{"f:labels":{".":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/managed-by":{}},"f:ownerReferences":{".":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:env":{".":{}},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:terminationMessagePath":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{}}}"#;
