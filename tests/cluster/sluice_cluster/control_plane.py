"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler: how each is started and when it is ready."""

from . import api
from .settings import CLUSTER_DOMAIN

# The stock 20 and 50 requests/s make a ReplicaSet of 1,000 pods wait for its own client.
CLIENT_LIMITS = ("--kube-api-qps=1000", "--kube-api-burst=2000")
HPA_SYNC_PERIOD = "5s"
HPA_INITIAL_READINESS_DELAY = "5s"


def etcd(settings):
    pki = settings.pki
    client_url = f"https://127.0.0.1:{settings.port('etcd')}"
    peer_url = f"https://127.0.0.1:{settings.port('etcd-peer')}"
    certificates = (f"--cert-file={pki}/etcd.crt", f"--key-file={pki}/etcd.key", f"--trusted-ca-file={pki}/etcd-ca.crt")
    peer_certificates = [flag.replace("--", "--peer-", 1) for flag in certificates]
    return [
        "etcd",
        "--name=sluice",
        f"--data-dir={settings.state}/etcd",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=sluice={peer_url}",
        *certificates,
        "--client-cert-auth",
        *peer_certificates,
        "--peer-client-cert-auth",
        # The data does not outlive the cluster, so nobody waits for the disk.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(settings):
    pki = settings.pki
    return [
        "kube-apiserver",
        f"--advertise-address={settings.node_address}",
        f"--bind-address={settings.node_address}",
        f"--secure-port={settings.port('kube-apiserver')}",
        f"--tls-cert-file={pki}/kube-apiserver.crt",
        f"--tls-private-key-file={pki}/kube-apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--etcd-servers=https://127.0.0.1:{settings.port('etcd')}",
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        # The node's name is in no DNS; logs and exec go to its address.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--service-cluster-ip-range={settings.service_cidr}",
        "--authorization-mode=Node,RBAC",
        # Beside the default plugins, of which Pod Security is one.
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        # Without a kube-proxy there are no cluster IPs; the aggregator then goes to the endpoints themselves.
        f"--enable-aggregator-routing={'true' if settings.control_plane_only else 'false'}",
        *_audit_flags(settings),
    ]


def _audit_flags(settings):
    if not settings.audit_policy:
        return []
    return [
        f"--audit-policy-file={settings.audit_policy}",
        f"--audit-log-path={settings.audit_log}",
        # Megabytes. One file, so that who reads it while it grows need not follow it to the next.
        "--audit-log-maxsize=1000000",
    ]


def _client_flags(settings, name):
    pki = settings.pki
    return [
        f"--kubeconfig={pki}/{name}.kubeconfig",
        f"--authentication-kubeconfig={pki}/{name}.kubeconfig",
        f"--authorization-kubeconfig={pki}/{name}.kubeconfig",
        "--bind-address=127.0.0.1",
        f"--secure-port={settings.port(name)}",
        f"--tls-cert-file={pki}/{name}-server.crt",
        f"--tls-private-key-file={pki}/{name}-server.key",
        "--leader-elect=false",
        *CLIENT_LIMITS,
    ]


def kube_controller_manager(settings):
    pki = settings.pki
    return [
        "kube-controller-manager",
        *_client_flags(settings, "kube-controller-manager"),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--horizontal-pod-autoscaler-sync-period={HPA_SYNC_PERIOD}",
        f"--horizontal-pod-autoscaler-initial-readiness-delay={HPA_INITIAL_READINESS_DELAY}",
        f"--horizontal-pod-autoscaler-downscale-stabilization={settings.hpa_downscale_stabilization}",
    ]


def kube_scheduler(settings):
    return ["kube-scheduler", *_client_flags(settings, "kube-scheduler")]


def etcd_ready(settings):
    pki = settings.pki
    client = (pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key")
    return api.https_ok("127.0.0.1", settings.port("etcd"), "/readyz", pki / "etcd-ca.crt", client)


def kube_apiserver_ready(settings):
    return api.https_ok(settings.node_address, settings.port("kube-apiserver"), "/readyz", settings.pki / "ca.crt")


def kube_controller_manager_ready(settings):
    """Healthy, and past its first work: without this service account no pod of the default namespace is admitted."""
    healthy = api.https_ok("127.0.0.1", settings.port("kube-controller-manager"), "/healthz", settings.pki / "ca.crt")
    return healthy and api.get(settings, "/api/v1/namespaces/default/serviceaccounts/default") is not None


def kube_scheduler_ready(settings):
    return api.https_ok("127.0.0.1", settings.port("kube-scheduler"), "/readyz", settings.pki / "ca.crt")
