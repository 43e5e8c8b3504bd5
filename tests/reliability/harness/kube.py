"""The API server as the harness itself talks to it: straight, never through the proxy."""

import asyncio
import base64
import json
import ssl
import tempfile
from pathlib import Path

import aiohttp
import yaml

CALL_S = 60
# It says so, or a machine that does other things has let a call run out of time. Whoever creates again what was committed hears 409.
BUSY, BUSY_MAX = (429, 500, 503, 504), 20
MERGE = "application/merge-patch+json"
JSON = "application/json"

PATHS = {
    "nodes": "/api/v1",
    "pods": "/api/v1",
    "services": "/api/v1",
    "configmaps": "/api/v1",
    "secrets": "/api/v1",
    "resourcequotas": "/api/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "events": "/apis/events.k8s.io/v1",
    "realtimegateways": "/apis/sluice.dev/v1alpha1",
}


async def pause(seconds):
    """Lets time pass: for what another program has asked us to wait, or a fault delays."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    await done.wait()


class KubeError(Exception):
    """An answer other than 2xx. `message` is the server's sentence."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


def path_of(resource, namespace=None, name=None, subresource=None):
    parts = [PATHS[resource]]
    parts += ["namespaces", namespace] if namespace else []
    return "/".join([*parts, resource, *(part for part in (name, subresource) if part)])


class Kube:
    """Threads: the event loop's. Close it at the end."""

    def __init__(self, kubeconfig):
        self.kubeconfig = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = self.kubeconfig["clusters"][0]["cluster"], self.kubeconfig["users"][0]["user"]
        self.server = cluster["server"]
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        # The ssl module takes a client's certificate from a file only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            file.flush()
            self.tls.load_cert_chain(file.name)
        self.session = self.new_session()

    def new_session(self):
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.tls, limit=0), timeout=aiohttp.ClientTimeout(total=None))

    async def close(self):
        await self.session.close()

    async def call(self, method, path, body=None, content_type=JSON, query=None):
        """The answer's object. A server that is too busy is asked again, as it says."""
        headers = {"Content-Type": content_type} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        limit = aiohttp.ClientTimeout(total=CALL_S)
        for left in reversed(range(BUSY_MAX)):
            async with self.session.request(method, self.server + path, params=query, data=data, headers=headers, timeout=limit) as answer:
                text = await answer.text()
                if answer.status < 300:
                    return json.loads(text)
                if answer.status not in BUSY or left == 0:
                    raise KubeError(answer.status, _sentence(text))
                wait = float(answer.headers.get("Retry-After", "1"))
            await pause(wait)
        return None

    async def try_once(self, method, path, body):
        """The answer's status, whatever it is."""
        async with self.session.request(method, self.server + path, json=body, timeout=aiohttp.ClientTimeout(total=CALL_S)) as answer:
            await answer.read()
            return answer.status

    async def get(self, resource, namespace, name, subresource=None):
        return await self.call("GET", path_of(resource, namespace, name, subresource))

    async def list(self, resource, namespace=None, **query):
        return await self.call("GET", path_of(resource, namespace), query=query)

    async def create(self, resource, namespace, body, **query):
        return await self.call("POST", path_of(resource, namespace), body, query=query)

    async def patch(self, resource, namespace, name, body, subresource=None, **query):
        return await self.call("PATCH", path_of(resource, namespace, name, subresource), body, MERGE, query=query)

    async def delete(self, resource, namespace, name, **options):
        return await self.call("DELETE", path_of(resource, namespace, name), options or None)

    async def watch(self, resource, version):
        """Events of all namespaces from `version` on, until the server ends the watch."""
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        async with self.session.get(self.server + path_of(resource), params=query) as answer:
            if answer.status != 200:
                raise KubeError(answer.status, _sentence(await answer.text()))
            async for line in lines_of(answer.content):
                yield json.loads(line)


async def lines_of(stream):
    """Whole lines of a stream of any length."""
    left = b""
    async for piece in stream.iter_any():
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            yield line


def _sentence(text):
    try:
        return json.loads(text).get("message", text)
    except ValueError:
        return text[:300]
