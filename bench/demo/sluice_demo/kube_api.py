"""Reading the API server: get, and list + watch in a thread. Standard library only."""

import base64
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

from .errors import DemoError

TIMEOUT_S = 10.0
WATCH_S = 300
FOLLOW_S = 900.0
RETRY_S = 0.5


class KubeApi:
    """The administrator's way to the API server. Threads: any; each call makes a connection of its own."""

    def __init__(self, kubectl, kubeconfig):
        # kubectl reads the kubeconfig, whose YAML the standard library cannot.
        shown = subprocess.run(
            [kubectl, "--kubeconfig", kubeconfig, "config", "view", "--raw", "--flatten", "--minify", "-o", "json"],
            capture_output=True, text=True, check=False,
        )
        if shown.returncode != 0:
            raise DemoError(f"cannot read {kubeconfig}: {shown.stderr.strip()}")
        config = json.loads(shown.stdout)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urllib.parse.urlsplit(cluster["server"])
        self._address = (server.hostname, server.port)
        self._context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        _load_client(self._context, user)

    def get(self, path):
        """The object at `path`; None if there is none. Raises OSError while nobody answers."""
        connection = self._connect(TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__} from the API server") from error
        finally:
            connection.close()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status}")
        return json.loads(body)

    def follow_log(self, namespace, pod, container, take):
        """Calls take(line) for each line that the container logs from now on, until it ends."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&follow=true&tailLines=0"
        threading.Thread(target=self._follow_log, args=(path, take), daemon=True, name=f"log {pod}").start()

    def _follow_log(self, path, take):
        connection = self._connect(FOLLOW_S)
        try:
            connection.request("GET", path)
            for line in connection.getresponse():
                take(line.decode(errors="replace"))
        except (OSError, http.client.HTTPException):
            return  # Nothing hangs on a log alone.
        finally:
            connection.close()

    def watch(self, path, stop, take, changes_only=False):
        """Calls take("ADDED"|"MODIFIED"|"DELETED", object) for what is there and for every change, until `stop` is set; with
        `changes_only` not for what is there when it begins."""
        threading.Thread(target=self._watch, args=(path, stop, take, changes_only), daemon=True, name=f"watch {path}").start()

    def _watch(self, path, stop, take, changes_only):
        known = {}
        listed = _ignore if changes_only else take
        while not stop.is_set():
            try:
                version = self._list(path, known, listed)
                listed = take
                while not stop.is_set():
                    version = self._follow(path, version, stop, known, take)
            except (OSError, http.client.HTTPException, ValueError, _Expired):
                # What changed while nobody watched is found by the next list.
                time.sleep(RETRY_S)

    def _list(self, path, known, take):
        listed = self.get(path)
        if listed is None:
            raise OSError(f"nothing at {path}")
        there = {item["metadata"]["uid"]: item for item in listed["items"]}
        for uid in [uid for uid in known if uid not in there]:
            take("DELETED", known.pop(uid))
        for uid, item in there.items():
            take("MODIFIED" if uid in known else "ADDED", item)
            known[uid] = item
        return listed["metadata"]["resourceVersion"]

    def _follow(self, path, version, stop, known, take):
        """One watch request; answers the resource version to go on from."""
        separator = "&" if "?" in path else "?"
        connection = self._connect(WATCH_S + TIMEOUT_S)
        try:
            query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_S}&resourceVersion={version}"
            connection.request("GET", f"{path}{separator}{query}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise _Expired
            for line in answer:
                if stop.is_set():
                    break
                change = json.loads(line)
                if change["type"] == "ERROR":
                    raise _Expired
                item = change["object"]
                version = item["metadata"]["resourceVersion"]
                if change["type"] == "BOOKMARK":
                    continue
                take(change["type"], item)
                if change["type"] == "DELETED":
                    known.pop(item["metadata"]["uid"], None)
                else:
                    known[item["metadata"]["uid"]] = item
        finally:
            connection.close()
        return version

    def _connect(self, timeout_s):
        return http.client.HTTPSConnection(*self._address, timeout=timeout_s, context=self._context)


def _ignore(*_):
    pass


class _Expired(Exception):
    """The watch cannot go on from where it was (410)."""


def _load_client(context, user):
    """ssl takes a client certificate from a file only. The file is ours alone and gone at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "client.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
        context.load_cert_chain(path)
