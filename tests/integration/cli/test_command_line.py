"""What a person's fingers know from kubectl: flags, kubeconfigs, completion, exit codes."""

import subprocess

import pytest
import yaml
from terminals import Terminal


@pytest.fixture
def kubeconfig(control_plane):
    return yaml.safe_load(control_plane.read_text())


def test_version_and_help_need_no_cluster(rtgw):
    nowhere = {"KUBECONFIG": "/nonexistent"}
    assert rtgw("version", environment=nowhere).startswith("kubectl-rtgw 0.")
    assert rtgw.json("version")["clientVersion"]
    for words in (["--help"], ["plan", "-h"], ["rollback", "--help"]):
        assert "Usage:\n  kubectl rtgw" in rtgw(*words, environment=nowhere)
    assert rtgw.refusal("fly") == "error: unknown command \"fly\" for \"kubectl rtgw\"\nSee 'kubectl rtgw --help' for usage.\n"
    assert rtgw.refusal("status", "--nope").startswith("error: unknown flag: --nope\n")


def test_kubeconfigs_contexts_and_servers(edge, rtgw, kubeconfig, control_plane, tmp_path):
    name = kubeconfig["contexts"][0]["name"]
    context = kubeconfig["contexts"][0]["context"]
    mine = {**kubeconfig, "contexts": [{"name": "mine", "context": {**context, "namespace": edge.namespace}}], "current-context": "mine"}
    (tmp_path / "mine").write_text(yaml.safe_dump(mine))
    (tmp_path / "empty").write_text("")
    listed = {"KUBECONFIG": f"{tmp_path}/absent:{tmp_path}/empty:{tmp_path}/mine:{control_plane}"}

    def status(*words, **environment):
        return subprocess.run(["kubectl", "rtgw", "status", *words], env={**rtgw.environment, **environment}, capture_output=True, text=True, timeout=60)

    assert status("edge", **listed).stdout.startswith(f"{edge.namespace}/edge ")  # The context's namespace.
    assert "No resources found in default namespace." in status("--context", name, **listed).stderr
    assert status("edge", "--kubeconfig", str(tmp_path / "mine")).returncode == 0
    assert status("edge", "--context", "mine", "-n", "default", **listed).returncode == 1
    assert "other" in status("edge", "--context=other", **listed).stderr
    assert "refused" in status("--server", "https://127.0.0.1:1").stderr
    assert status("--cluster", context["cluster"], "--user", context["user"], "-n", edge.namespace, "edge").returncode == 0


def test_tokens_and_authorities(edge, api, rtgw, kubeconfig, tmp_path, control_plane):
    api.core.create_namespaced_service_account(edge.namespace, {"metadata": {"name": "eve"}})
    token = api.core.create_namespaced_service_account_token("eve", edge.namespace, {"spec": {"expirationSeconds": 600}}).status.token
    server = kubeconfig["clusters"][0]["cluster"]["server"]
    nowhere = {"KUBECONFIG": "/nonexistent"}
    skip = ["--server", server, "--token", token, "--insecure-skip-tls-verify"]
    who = f"system:serviceaccount:{edge.namespace}:eve"
    refused = rtgw.refusal("status", "edge", *skip, environment=nowhere)
    assert refused.startswith(f'Error from server (Forbidden): realtimegateways.sluice.dev "edge" is forbidden: User "{who}" cannot get resource')
    assert "ertificate" in rtgw.refusal("status", "edge", "--server", server, "--token", token, environment=nowhere)
    assert rtgw.refusal("status", "edge", "--server", server, "--token", "x", "--insecure-skip-tls-verify", environment=nowhere) == (
        "error: You must be logged in to the server (Unauthorized)\n"
    )
    assert f'User "{who}"' in rtgw.refusal("status", "edge", "--as", who)
    # In a group that may do all, eve may.
    assert rtgw("status", "edge", "--as", who, "--as-group", "system:masters")


def test_a_call_ends_in_time(edge, rtgw):
    assert rtgw("status", "edge", "--request-timeout", "20s")
    assert "--request-timeout" in rtgw.refusal("status", "edge", "--request-timeout", "soon")


def test_kubectl_completes_the_plugin(edge, rtgw):
    """kubectl's own completion asks kubectl_complete-rtgw."""

    def offered(*words):
        done = subprocess.run(["kubectl", "__complete", "rtgw", *words], env=rtgw.environment, capture_output=True, text=True, timeout=60)
        *lines, directive = done.stdout.splitlines()
        assert directive == ":4", done
        return [line.split("\t")[0] for line in lines]

    assert offered("st") == ["status"]
    assert offered("-n", edge.namespace, "pause", "") == ["edge"]
    assert offered("drain", "-n", edge.namespace, "") == sorted(pod.metadata.name for pod in edge.pods())
    assert offered("rollback", "edge", "-n", edge.namespace, "--to-revision", "") == ["1"]
    assert edge.namespace in offered("status", "-n", "")
    assert offered("status", "-o", "w") == ["wide"]


def test_a_real_bash_completes(edge, rtgw):
    environment = {**rtgw.environment, "PS1": "$ ", "INPUTRC": "/dev/null"}
    with Terminal(["bash", "--norc", "--noprofile", "-i"], environment) as bash:
        bash.press("bind 'set enable-bracketed-paste off'; source <(kubectl-rtgw completion bash); echo rea''dy\n")
        bash.wait_text("ready")
        bash.press("kubectl-rtgw stat\t")
        bash.wait_text("kubectl-rtgw status ")
        bash.press(f"-n {edge.namespace} ed\t")
        bash.wait_text(f"kubectl-rtgw status -n {edge.namespace} edge ")
        bash.press("\x15kubectl-rtgw pause --namesp\t")  # ctrl-U: another line
        bash.wait_text("kubectl-rtgw pause --namespace")
        bash.press("\b=kube-sys\t")
        bash.wait_text("=kube-system")
        bash.press("\x15exit\n")
        bash.process.wait(timeout=30)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_shells(rtgw, shell):
    script = rtgw("completion", shell)
    assert "kubectl-rtgw" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_what_is_installed(build_dir, tmp_path):
    """Both names, in PREFIX/bin; the second one is what kubectl asks."""
    subprocess.run(["cmake", "--install", build_dir, "--component", "cli", "--prefix", tmp_path], check=True, capture_output=True)
    assert subprocess.run([tmp_path / "bin" / "kubectl-rtgw", "version"], capture_output=True, check=True).stdout
    assert subprocess.run([tmp_path / "bin" / "kubectl_complete-rtgw", "vers"], capture_output=True, text=True, check=True).stdout.startswith("version\t")
