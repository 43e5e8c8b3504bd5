"""Certificates, keys and kubeconfigs of a cluster, all made anew at each start with the openssl program.

Three authorities, as kubeadm has them: a client of one must not pass for a client of another.
- ca: the API server, the kubelet, and everybody who talks to them
- etcd-ca: etcd and its one client, the API server
- front-proxy-ca: the API server when it passes requests on to an aggregated API
"""

import base64
import concurrent.futures
import dataclasses
import json
import os
import subprocess

from . import ownership
from .errors import ClusterError
from .settings import CLUSTER_DOMAIN, NODE_NAME

DAYS = "3650"
# openssl's own configuration file would add extensions that contradict ours.
CONFIG = "[req]\ndistinguished_name = dn\n[dn]\n"


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A certificate to issue. `subject` is openssl's form, /O=.../CN=...; `names` its subject alternative names;
    clients have none.
    """

    name: str
    authority: str
    subject: str
    names: tuple = ()
    kubeconfig: bool = False


def leaves(settings):
    api_names = [
        f"DNS:kubernetes{suffix}" for suffix in ("", ".default", ".default.svc", f".default.svc.{CLUSTER_DOMAIN}")
    ]
    node = f"IP:{settings.node_address}"
    here = ("DNS:localhost", "IP:127.0.0.1")
    return [
        Leaf(
            "kube-apiserver",
            "ca",
            "/CN=kube-apiserver",
            (*api_names, *here, node, f"IP:{settings.api_service_address}"),
        ),
        Leaf("kubelet-server", "ca", f"/CN={NODE_NAME}", (f"DNS:{NODE_NAME}", node)),
        Leaf("kube-controller-manager-server", "ca", "/CN=kube-controller-manager", here),
        Leaf("kube-scheduler-server", "ca", "/CN=kube-scheduler", here),
        Leaf("apiserver-kubelet-client", "ca", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Leaf("admin", "ca", "/O=system:masters/CN=kubernetes-admin", kubeconfig=True),
        Leaf("kube-controller-manager", "ca", "/CN=system:kube-controller-manager", kubeconfig=True),
        Leaf("kube-scheduler", "ca", "/CN=system:kube-scheduler", kubeconfig=True),
        Leaf("kube-proxy", "ca", "/CN=system:kube-proxy", kubeconfig=True),
        Leaf("kubelet", "ca", f"/O=system:nodes/CN=system:node:{NODE_NAME}", kubeconfig=True),
        Leaf("etcd", "etcd-ca", "/CN=etcd", here),
        Leaf("apiserver-etcd-client", "etcd-ca", "/CN=kube-apiserver-etcd-client"),
        Leaf("front-proxy-client", "front-proxy-ca", "/CN=front-proxy-client"),
    ]


def create(settings):
    """Writes NAME.crt and NAME.key of every authority and leaf, sa.key and sa.pub, and the kubeconfigs."""
    pki = settings.pki
    pki.mkdir(mode=0o700)
    (pki / "openssl.cnf").write_text(CONFIG)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _authority(pki, name), ("ca", "etcd-ca", "front-proxy-ca")))
        service_accounts = pool.submit(_service_account_key, pki)
        list(pool.map(lambda leaf: _leaf(pki, leaf), leaves(settings)))
        service_accounts.result()
    for leaf in leaves(settings):
        if leaf.kubeconfig:
            _write_private(pki / f"{leaf.name}.kubeconfig", kubeconfig(settings, leaf.name))
    _write_private(settings.kubeconfig, kubeconfig(settings, "admin"))
    ownership.give(settings.kubeconfig)


def _openssl(*words):
    made = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise ClusterError(f"openssl {words[0]} failed: {made.stderr.strip().splitlines()[-1]}")


def _request(pki, name, subject, *extra):
    _openssl(
        *(
            "req",
            "-x509",
            "-config",
            pki / "openssl.cnf",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ),
        *("-sha256", "-days", DAYS, "-subj", subject, "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt"),
        *extra,
    )


def _authority(pki, name):
    _request(
        *(pki, name, f"/CN=sluice-cluster-{name}"),
        *(
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
        ),
    )


def _leaf(pki, leaf):
    usage = "serverAuth,clientAuth" if leaf.names else "clientAuth"
    names = ("-addext", f"subjectAltName={','.join(leaf.names)}") if leaf.names else ()
    _request(
        *(pki, leaf.name, leaf.subject, "-CA", pki / f"{leaf.authority}.crt", "-CAkey", pki / f"{leaf.authority}.key"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"),
        *("-addext", f"extendedKeyUsage={usage}", *names),
    )


def _service_account_key(pki):
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", pki / "sa.key")
    _openssl("pkey", "-in", pki / "sa.key", "-pubout", "-out", pki / "sa.pub")


def _write_private(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def kubeconfig(settings, name):
    """A kubeconfig with everything in it, so that it can be copied anywhere. JSON is YAML."""

    def data(file):
        return base64.b64encode((settings.pki / file).read_bytes()).decode()

    user = {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}
    cluster = {"server": settings.api_url, "certificate-authority-data": data("ca.crt")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sluice", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "sluice", "context": {"cluster": "sluice", "user": name}}],
            "current-context": "sluice",
        },
        indent=1,
    )
