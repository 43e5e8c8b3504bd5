"""kubelet and kube-proxy: their configuration, how each is started and when it is ready."""

import json

from . import api, cgroups
from .settings import CLUSTER_DOMAIN, NODE_NAME


def configure(settings):
    _write(settings.config / "kubelet.yaml", kubelet_configuration(settings))
    _write(settings.config / "kube-proxy.yaml", kube_proxy_configuration(settings))


def _write(path, value):
    path.write_text(json.dumps(value, indent=1))  # JSON is YAML


def kubelet_configuration(settings):
    """k8s.io/kubelet config/v1beta1."""
    pki = settings.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": settings.node_address,
        "port": settings.port("kubelet"),
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": settings.port("kubelet-healthz"),
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "authentication": {
            "x509": {"clientCAFile": str(pki / "ca.crt")},
            "webhook": {"enabled": True},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{settings.containerd_socket}",
        "clusterDomain": CLUSTER_DOMAIN,
        "clusterDNS": [settings.dns_service_address],
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.NAME}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "maxPods": 250,
        "podLogsDir": str(settings.logs / "pods"),
        "volumePluginDir": str(settings.kubelet_root / "volume-plugins"),
        # Else it leaves chains behind in iptables tables that nobody here uses.
        "makeIPTablesUtilChains": False,
        # Images come by `load-image` and cannot be pulled again, so they are never collected, ...
        "imageGCHighThresholdPercent": 100,
        # ... and a disk that is fuller than a cloud's node may be must not evict the demo's pods.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        # Lowering one's own score takes CAP_SYS_RESOURCE.
        "oomScoreAdj": 0,
    }


def kube_proxy_configuration(settings):
    """k8s.io/kube-proxy config/v1alpha1. Zeros leave the host's connection tracking as it is."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(settings.pki / "kube-proxy.kubeconfig")},
        "mode": "nftables",
        # Sources in here keep their address; others are masqueraded on their way to a Service.
        "clusterCIDR": str(settings.cluster_cidr),
        "hostnameOverride": NODE_NAME,
        "bindAddress": settings.node_address,
        "healthzBindAddress": f"127.0.0.1:{settings.port('kube-proxy-healthz')}",
        "metricsBindAddress": f"127.0.0.1:{settings.port('kube-proxy-metrics')}",
        "oomScoreAdj": 0,
        # New endpoints are seen by the tests as soon as they are there, and there are few of them.
        "nftables": {"minSyncPeriod": "100ms"},
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
            "udpTimeout": "0s",
            "udpStreamTimeout": "0s",
        },
    }


def kubelet(settings):
    return [
        "kubelet",
        f"--config={settings.config}/kubelet.yaml",
        f"--kubeconfig={settings.pki}/kubelet.kubeconfig",
        f"--root-dir={settings.kubelet_root}",
        f"--cert-dir={settings.kubelet_root}/pki",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={settings.node_address}",
    ]


def kube_proxy(settings):
    return ["kube-proxy", f"--config={settings.config}/kube-proxy.yaml"]


def kube_proxy_ready(settings):
    """Answers once the rules are written for the first time."""
    return api.http_ok("127.0.0.1", settings.port("kube-proxy-healthz"), "/healthz")


def node_ready(settings):
    node = api.get(settings, f"/api/v1/nodes/{NODE_NAME}")
    conditions = node["status"].get("conditions", []) if node else []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
