"""sluice-adapter as a process of this machine, registered with a control plane as an aggregated API."""

import base64
import contextlib
import http.client
import json
import ssl
import subprocess
from pathlib import Path

import yaml
from control_plane import CHECKOUT, eventually
from prometheus_process import free_port

GROUP = "custom.metrics.k8s.io"
VERSIONS = ("v1beta1", "v1beta2")
SYSTEM = "sluice-system"
SERVICE = "sluice-adapter"


class Kubectl:
    """kubectl as the administrator, or as the user of another kubeconfig."""

    def __init__(self, program, kubeconfig):
        self._command = [str(program), "--kubeconfig", str(kubeconfig)]
        self.program = program

    def try_run(self, *words, stdin=None):
        return subprocess.run([*self._command, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, *words, stdin=None):
        done = self.try_run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words):
        return json.loads(self("get", "-o", "json", *words))

    def raw(self, path, *words):
        return json.loads(self(*words, "get", "--raw", path))

    def refusal(self, path, *words):
        """What kubectl says where the answer is an error; "" where it is none."""
        done = self.try_run(*words, "get", "--raw", path)
        return done.stderr if done.returncode != 0 else ""

    def apply(self, *objects):
        self("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


class Pki:
    """The adapter's own authority and its serving certificate, made by openssl."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca = self._issue("ca", ["-x509", "-subj", "/CN=adapter-test-ca", "-days", "2"])
        self.serving = self.issue(f"{SERVICE}.{SYSTEM}.svc")

    def issue(self, name):
        names = f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1"
        signed = ["-x509", "-subj", f"/CN={name}", "-days", "2", "-CA", self.ca[0], "-CAkey", self.ca[1], "-addext", names]
        return self._issue("serving", [*signed, "-addext", "basicConstraints=critical,CA:FALSE"])

    def _issue(self, name, words):
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key, "-out", cert]
        subprocess.run(list(map(str, ["openssl", "req", *new_key, *words])), check=True, capture_output=True)
        return cert, key


class Adapter:
    """One process. `log` is what it wrote so far."""

    def __init__(self, program, folder, pki, kubeconfig, prometheus_url, rules):
        self.folder = Path(folder)
        self.port = free_port()
        self.rules = self.folder / "rules.yaml"
        self.rules.write_text(yaml.safe_dump(rules))
        self._pki = pki
        self._command = [program, f"--config={self.rules}", f"--prometheus-url={prometheus_url}", f"--secure-port={self.port}"]
        self._command += [f"--tls-cert-file={pki.serving[0]}", f"--tls-private-key-file={pki.serving[1]}", f"--kubeconfig={kubeconfig}"]
        self._command += ["--metrics-relist-interval=1s", "--log-level=debug"]
        self._process = None

    def start(self, *more):
        """Answers when it is ready; an interrupt or a failure before that leaves no process."""
        with (self.folder / "adapter.log").open("ab") as log:
            self._process = subprocess.Popen([*map(str, self._command), *more], stdout=log, stderr=subprocess.STDOUT)
        try:
            eventually(self._ready, "the adapter to be ready")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """As a kubelet would; answers the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    @property
    def pid(self):
        return self._process.pid

    @property
    def log(self):
        return (self.folder / "adapter.log").read_text()

    @property
    def rss_mb(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024

    def ask(self, path, headers=(), identity=None, method="GET"):
        """A request straight to it, past the aggregator: (status, body). `identity` is a certificate and its key."""
        trust = ssl.create_default_context(cafile=self._pki.ca[0])
        if identity is not None:
            trust.load_cert_chain(*identity)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=trust)
        with contextlib.closing(connection):
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def _ready(self):
        assert self._process.poll() is None, self.log
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False


def access_rules(release):
    """The adapter's service account and rights, as the chart has them: the tests hold for these and no more."""
    rendered = subprocess.run(
        [release.program.with_name("helm"), "template", "sluice", CHECKOUT / "charts" / "sluice", "--namespace", SYSTEM],
        capture_output=True,
        text=True,
        check=True,
    )
    kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    return [made for made in yaml.safe_load_all(rendered.stdout) if made and made["kind"] in kinds and "adapter" in made["metadata"]["name"]]


def service_account_kubeconfig(kubectl, plane, name, path):
    """A kubeconfig of the service account, with a token of an hour."""
    config = yaml.safe_load(Path(plane).read_text())
    config["users"] = [{"name": name, "user": {"token": kubectl("create", "token", name, "--namespace", SYSTEM).strip()}}]
    config["contexts"] = [{"name": name, "context": {"cluster": config["clusters"][0]["name"], "user": name}}]
    config["current-context"] = name
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


def registration(kubectl, pki, port):
    """The objects that make the aggregator pass the group's requests on to a port of this host."""
    # The address that the API server advertises is this host's, and not a loopback one, which no endpoint may have.
    address = kubectl.get("endpointslices", "--namespace", "default", "-l", "kubernetes.io/service-name=kubernetes")
    address = address["items"][0]["endpoints"][0]["addresses"][0]
    bundle = base64.b64encode(pki.ca[0].read_bytes()).decode()
    meta = {"name": SERVICE, "namespace": SYSTEM}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]}}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**meta, "labels": {"kubernetes.io/service-name": SERVICE}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }
    apis = [
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{GROUP}"},
            "spec": {
                "group": GROUP,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": priority,
                "caBundle": bundle,
                "service": {"name": SERVICE, "namespace": SYSTEM, "port": 443},
            },
        }
        for version, priority in zip(VERSIONS, (100, 200))
    ]
    return [service, endpoints, *apis]
