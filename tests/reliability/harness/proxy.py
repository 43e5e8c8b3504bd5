"""The proxy between one operator and the API server: HTTP/1.1 over TLS on both sides, the API server's own certificate towards the operator, the
administrator's towards the API server. It keeps every write in order and passes watches on event by event; a `Script` (faults.py) may
do to each what networks, crashes and other API servers do. One a run. Threads: the event loop's."""

import asyncio
import contextlib
import copy
import hashlib
import json
import re
import ssl
import time
from urllib.parse import parse_qsl

import aiohttp
import yaml
from aiohttp import web

from .kube import lines_of

PATH = re.compile(r"^/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?$")
# What belongs to one connection is not passed on.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding", "accept-encoding", "accept"}
PROTOBUF = "application/vnd.kubernetes.protobuf"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Write:
    """One call that changes something, or would in earnest (a dry run). `key` names it the same in every run of a scenario."""

    def __init__(self, number, key, request, parsed, body):
        self.number, self.key = number, key
        self.method, self.path = request.method, request.path
        self.resource, self.name, self.sub = parsed["resource"], parsed["name"], parsed["sub"]
        self.query = dict(parse_qsl(request.query_string))
        self.body = body
        self.digest = hashlib.sha256(body).hexdigest()[:12]
        self.at = time.monotonic()
        self.operator = None  # The number of the operator's process.
        self.status = None  # Of the API server; None: it never saw it, or its answer has not come.
        self.version = None  # The object's resource version after it.
        self.answered_at = None
        self.note = None  # What the run saw when it came: see facts.

    @property
    def dry(self):
        return "dryRun" in self.query

    @property
    def lease(self):
        return self.resource == "leases"

    @property
    def json(self):
        return json.loads(self.body or b"{}")

    def __str__(self):
        return f"#{self.number} {self.key} -> {self.status or 'no answer'}"


class Answer:
    """What goes back to the operator."""

    def __init__(self, status, body, headers=None):
        self.status, self.body, self.headers = status, body, headers or {"Content-Type": "application/json"}

    @classmethod
    def failure(cls, code, reason, message, **headers):
        """A Status as the API server writes it."""
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}
        return cls(code, json.dumps(status).encode(), {"Content-Type": "application/json", **headers})


class Lost(Exception):
    """The connection ends without an answer."""


class Event:
    """One event of a watch, as it came."""

    def __init__(self, line):
        self.line, self.arrived = line, time.monotonic()
        self._json = None

    @classmethod
    def of(cls, kind, thing):
        return cls(json.dumps({"type": kind, "object": thing}).encode())

    @property
    def json(self):
        if self._json is None:
            self._json = json.loads(self.line)
        return self._json

    @property
    def kind(self):
        return self.json["type"]

    @property
    def object(self):
        return self.json["object"]

    @property
    def name(self):
        return self.object.get("metadata", {}).get("name")


class Watch:
    """One watch of the operator's. `operator` is the number of its process."""

    def __init__(self, number, resource, query, operator):
        self.number, self.resource, self.query, self.operator = number, resource, query, operator
        self.at = time.monotonic()


class Ended(Exception):
    """The watch ends in peace, behind these events."""

    def __init__(self, events=()):
        super().__init__()
        self.events = events


class Script:
    """What a fault overrides. The base lets everything pass."""

    async def before_write(self, write):
        """Before the API server sees it. An Answer is given in its place; Lost: none."""

    async def after_write(self, write, answer):
        """When the API server has answered, before the operator hears of it. As above."""

    async def on_read(self, resource, query):
        """A list or get. An Answer is given in place of the server's."""

    async def on_watch(self, watch):
        """Before a watch is opened. An Answer in its place."""

    async def on_event(self, watch, event):
        """The events to send in place of this one, in order. May wait; may raise Lost or Ended."""
        return [event]


class Proxy:
    """`name_of(kind, name, body)` gives objects names that are the same in every run."""

    def __init__(self, kube, name_of, script, wrote=lambda write: None):
        self.writes = []
        self.watches = []
        self.failure = None
        self.operator = None  # The number of the process that runs now.
        self._kube, self._name_of, self.script, self._wrote = kube, name_of, script, wrote
        self._session = kube.new_session()
        self._seen = {}
        self._server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._tasks = set()
        self._listener = None
        self.port = None

    async def start(self, certificate, key):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        self._listener = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0, ssl=tls)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self):
        self._listener.close()
        await self._server.shutdown(0)
        for task in self._tasks:
            task.cancel()
        await self._session.close()

    def write_kubeconfig(self, path):
        config = copy.deepcopy(self._kube.kubeconfig)
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.port}"
        path.write_text(yaml.safe_dump(config))
        return path

    async def _handle(self, request):
        parsed = PATH.match(request.path)
        parsed = parsed.groupdict() if parsed else {"resource": request.path, "name": None, "sub": None}
        try:
            if request.headers.get("Content-Type", "") == PROTOBUF:
                return web.Response(status=415)  # Writes are read here, too: the operator sends JSON from then on.
            if request.method in WRITES:
                # What has begun is ended, though the operator that asked for it may be dead by then.
                return await asyncio.shield(self._keep(self._write(request, parsed, await request.read())))
            query = dict(parse_qsl(request.query_string))
            if query.get("watch") == "true":
                return await self._watch(request, parsed, query)
            answer = await self.script.on_read(parsed["resource"], query) or await self._forward(request, b"")
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        except Lost:
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError from None

    def _keep(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task):
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Lost):
            self.failure = error  # Whoever waited for it may be gone.

    async def _forward(self, request, body):
        headers = _onward(request)
        url = self._kube.server + request.path_qs
        async with self._session.request(request.method, url, data=body or None, headers=headers, allow_redirects=False) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            return Answer(answer.status, await answer.read(), kept)

    async def _write(self, request, parsed, body):
        write = self._note(request, parsed, body)
        self._wrote(write)
        answer = await self.script.before_write(write)
        if answer is None:
            answer = await self._forward(request, body)
            write.status, write.answered_at = answer.status, time.monotonic()
            write.version = _version_in(answer)
            self._wrote(write)
            answer = await self.script.after_write(write, answer) or answer
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    def _note(self, request, parsed, body):
        stem = self._name_of(request.method, parsed, body)
        self._seen[stem] = self._seen.get(stem, 0) + 1
        write = Write(len(self.writes) + 1, f"{stem} {self._seen[stem]}", request, parsed, body)
        write.operator = self.operator
        self.writes.append(write)
        return write

    async def _watch(self, request, parsed, query):
        watch = Watch(len(self.watches) + 1, parsed["resource"], query, self.operator)
        self.watches.append(watch)
        refusal = await self.script.on_watch(watch)
        if refusal is not None:
            return web.Response(status=refusal.status, body=refusal.body, headers=refusal.headers)
        headers = _onward(request)
        async with self._session.get(self._kube.server + request.path, params=query, headers=headers) as upstream:
            if upstream.status != 200:
                return web.Response(status=upstream.status, body=await upstream.read(), headers={"Content-Type": "application/json"})
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await self._stream(watch, upstream, response)
            with contextlib.suppress(ConnectionError):
                await response.write_eof()
            return response

    async def _stream(self, watch, upstream, response):
        """Events wait in a queue, so that one that is delayed does not change when the next one arrived."""
        queue = asyncio.Queue()

        async def read():
            with contextlib.suppress(aiohttp.ClientError):
                async for line in lines_of(upstream.content):
                    queue.put_nowait(Event(line))
            queue.put_nowait(None)

        reader = asyncio.create_task(read())
        try:
            while (event := await queue.get()) is not None:
                for out in await self.script.on_event(watch, event):
                    await response.write(out.line + b"\n")
        except Ended as end:
            for out in end.events:
                await response.write(out.line + b"\n")
        except ConnectionError:
            return
        finally:
            reader.cancel()


def _onward(request):
    """The headers that go on to the API server. What is answered is read here, too: it comes as JSON, whatever else the operator would take."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
    return {**headers, "Accept": "application/json"}


def _version_in(answer):
    try:
        return json.loads(answer.body)["metadata"].get("resourceVersion")
    except (ValueError, KeyError, TypeError):
        return None
