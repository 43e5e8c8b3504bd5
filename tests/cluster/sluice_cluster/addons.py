"""What runs in the cluster itself: CoreDNS."""

from . import api
from .settings import CLUSTER_DOMAIN, COREDNS_IMAGE

LABELS = {"k8s-app": "kube-dns"}
# Above 1023, so that CoreDNS needs no capability; the Service says 53.
DNS_PORT = 1053
READY_PORT = 8181
HEALTH_PORT = 8080
METRICS_PORT = 9153
COREFILE = f"""\
.:{DNS_PORT} {{
    errors
    health :{HEALTH_PORT}
    ready :{READY_PORT}
    prometheus :{METRICS_PORT}
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
        ttl 5
    }}
    cache 5
    loadbalance
    reload
}}
"""
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SYSTEM = "/api/v1/namespaces/kube-system"


def apply(settings):
    for path, value in objects(settings):
        api.apply(settings, path, value)


def objects(settings):
    """(path, object) of each, in an order in which they can be made."""
    return [
        (
            f"{SYSTEM}/serviceaccounts/coredns",
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")},
        ),
        (f"{RBAC}/clusterroles/system:coredns", _dns_role()),
        _binding(
            "system:coredns",
            "system:coredns",
            {"kind": "ServiceAccount", "namespace": "kube-system", "name": "coredns"},
        ),
        (
            f"{SYSTEM}/configmaps/coredns",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("coredns"), "data": {"Corefile": COREFILE}},
        ),
        (f"{SYSTEM}/services/kube-dns", _dns_service(settings)),
        ("/apis/apps/v1/namespaces/kube-system/deployments/coredns", _dns_deployment()),
    ]


def dns_ready(settings):
    deployment = api.get(settings, "/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    return deployment is not None and deployment["status"].get("availableReplicas", 0) > 0


def _meta(name):
    return {"name": name, "namespace": "kube-system", "labels": LABELS}


def _binding(name, role, subject):
    group = "rbac.authorization.k8s.io"
    return f"{RBAC}/clusterrolebindings/{name}", {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def _dns_role():
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }


def _dns_service(settings):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta("kube-dns"),
        "spec": {
            "selector": LABELS,
            "clusterIP": settings.dns_service_address,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": DNS_PORT},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": DNS_PORT},
                {"name": "metrics", "port": METRICS_PORT, "protocol": "TCP", "targetPort": METRICS_PORT},
            ],
        },
    }


def _dns_deployment():
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta("coredns"),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": _dns_pod()},
        },
    }


def _dns_pod():
    container = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": DNS_PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": DNS_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "40Mi"}, "limits": {"memory": "170Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": READY_PORT}, "periodSeconds": 1},
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": HEALTH_PORT},
            "initialDelaySeconds": 60,
            "failureThreshold": 5,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    return {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        # Not the cluster's own DNS, which is what it is about to be.
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
