"""What is needed to see why a demo failed, printed at its end."""

from .cluster import GATEWAY, NAMESPACE, SYSTEM_NAMESPACE

QUESTIONS = (
    ("-n", NAMESPACE, "describe", "rtgw", GATEWAY),
    ("-n", NAMESPACE, "describe", "hpa", GATEWAY),
    ("-n", NAMESPACE, "get", "pods", "-o", "wide", "--show-labels"),
    ("-n", SYSTEM_NAMESPACE, "get", "pods", "-o", "wide"),
    ("-n", SYSTEM_NAMESPACE, "logs", "-l", "app.kubernetes.io/component=operator", "--tail=25"),
    ("-n", SYSTEM_NAMESPACE, "logs", "-l", "app.kubernetes.io/component=adapter", "--tail=15"),
    ("get", "--raw", f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{NAMESPACE}/realtimegateways.sluice.dev/{GATEWAY}/rtgw_connections"),
    ("get", "events", "-A", "--sort-by=.metadata.creationTimestamp"),
)
LINES_MAX = 45


def explain(cluster, folder, out):
    """Prints the answers, shortened; all of them stand in the folder."""
    with open(folder / "diagnosis.txt", "w", encoding="utf-8") as whole:
        for words in QUESTIONS:
            answer = cluster.ask("--request-timeout=10s", *words)
            title = f"\n$ kubectl {' '.join(words)}\n"
            whole.write(title + answer)
            lines = answer.rstrip().splitlines()
            shown = lines if len(lines) <= LINES_MAX else [f"... {len(lines) - LINES_MAX} lines more in {whole.name}", *lines[-LINES_MAX:]]
            out.write(title + "\n".join(shown) + "\n")
