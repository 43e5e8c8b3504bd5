"""A Service without kube-proxy: new connections go in turn to the pods that the Service selects now, ready and not going, as its
EndpointSlices would say (the API server takes no loopback addresses in those). Connections that are there stay where they are."""

import asyncio
import contextlib
import itertools
import threading

import kubernetes
from rtgw import is_ready


class Proxy:
    """Listens on `url`, in a thread of its own."""

    def __init__(self, kubeconfig, namespace, service, port=8080):
        self._core = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(kubeconfig)))
        self._namespace, self._service, self._port = namespace, service, port
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server = None

    def __enter__(self):
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_):
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self):
        host, port = self._server.sockets[0].getsockname()
        return f"ws://{host}:{port}/echo"

    def endpoints(self):
        selector = self._core.read_namespaced_service(self._service, self._namespace).spec.selector
        words = ",".join(f"{label}={value}" for label, value in selector.items())
        pods = self._core.list_namespaced_pod(self._namespace, label_selector=words).items
        return [pod.status.pod_ip for pod in pods if is_ready(pod) and pod.metadata.deletion_timestamp is None]

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    async def _start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _stop(self):
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError), contextlib.closing(writer):
            endpoints = await asyncio.to_thread(self.endpoints)
            if not endpoints:
                return
            there_reader, there_writer = await asyncio.open_connection(endpoints[next(self._turn) % len(endpoints)], self._port)
            with contextlib.closing(there_writer):
                await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))


async def _pipe(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
