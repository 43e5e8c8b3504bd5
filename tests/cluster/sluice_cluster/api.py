"""The few HTTP requests that this package makes itself: health endpoints, and objects of the API server."""

import http.client
import json
import ssl

from .errors import ClusterError

# A health question is asked again, an apply is not.
TIMEOUT_S = 5.0
APPLY_TIMEOUT_S = 60.0
FIELD_MANAGER = "sluice-cluster"


def https_ok(address, port, path, authority, client=None):
    """Whether GET answers 200. `client` is (certificate, key). Raises OSError while nobody answers."""
    status, _ = _request("GET", address, port, path, _context(authority, client))
    return status == 200


def http_ok(address, port, path):
    """The same without TLS, for the loopback-only health ports of the node's programs."""
    status, _ = _request("GET", address, port, path, None)
    return status == 200


def get(settings, path):
    """The object at `path`, as the administrator; None if there is none. Raises OSError while nobody answers."""
    status, body = _request("GET", settings.node_address, settings.port("kube-apiserver"), path, _admin(settings))
    if status == 404:
        return None
    if status != 200:
        raise ClusterError(f"GET {path}: {status} {_message(body)}")
    return json.loads(body)


def apply(settings, path, value):
    """Server-side apply of one object."""
    status, body = _request(
        *("PATCH", settings.node_address, settings.port("kube-apiserver")),
        *(f"{path}?fieldManager={FIELD_MANAGER}&force=true", _admin(settings), json.dumps(value), APPLY_TIMEOUT_S),
    )
    if status not in (200, 201):
        raise ClusterError(f"apply {path}: {status} {_message(body)}")


def _admin(settings):
    return _context(settings.pki / "ca.crt", (settings.pki / "admin.crt", settings.pki / "admin.key"))


def _context(authority, client):
    context = ssl.create_default_context(cafile=str(authority))
    if client is not None:
        context.load_cert_chain(*map(str, client))
    return context


def _request(method, address, port, path, context, body=None, timeout_s=TIMEOUT_S):
    if context is None:
        connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    else:
        connection = http.client.HTTPSConnection(address, port, timeout=timeout_s, context=context)
    try:
        headers = {"Content-Type": "application/apply-patch+yaml"} if body else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:  # a server that is just going down
        raise OSError(f"{type(error).__name__} from {address}:{port}") from error
    finally:
        connection.close()


def _message(body):
    """The sentence in a Kubernetes Status."""
    try:
        return json.loads(body).get("message", "")
    except ValueError:
        return body[:200].decode(errors="replace")
