"""All sources behind one queue: watches of the API server, the pods themselves, the load generator, the host's memory figures."""

import queue
import re
import threading
import time

from . import memory, scrape
from .observations import EventSeen, GatewaySeen, HpaSeen, LastWords, MemorySeen, PodSeen

MEMORY_EVERY_S = 5.0
PROGRAMS = ("operator", "adapter")
# What a gateway logs at SIGTERM. An empty one ends within milliseconds of it, too soon to be asked.
TERMINATING = re.compile(r'msg="?terminating"? connections=(\d+)')


class Observer:
    """Feeds a Record. take() is to be called by one thread, in a loop."""

    def __init__(self, api, record, namespace, gateway, system_namespace):
        self.record = record
        self._api = api
        self._seen = queue.SimpleQueue()
        self._stop = threading.Event()
        self._namespace = namespace
        self._followed = set()
        self._system_namespace = system_namespace
        self._scraper = scrape.Scraper(self._seen.put)
        selector = f"labelSelector=sluice.dev%2Fgateway%3D{gateway}"
        base = f"/namespaces/{namespace}"
        self._watch(f"/api/v1{base}/pods?{selector}", lambda kind, item: PodSeen(time.monotonic(), kind == "DELETED", item))
        # Those of another run on the same cluster are not news.
        self._watch(f"/api/v1{base}/events", lambda _, item: EventSeen(time.monotonic(), item), changes_only=True)
        self._watch(f"/apis/autoscaling/v2{base}/horizontalpodautoscalers", lambda _, item: HpaSeen(time.monotonic(), item))
        self._watch(
            f"/apis/sluice.dev/v1alpha1{base}/realtimegateways?fieldSelector=metadata.name%3D{gateway}",
            lambda _, item: GatewaySeen(time.monotonic(), item),
        )
        threading.Thread(target=self._sample_memory, daemon=True, name="memory").start()

    def _watch(self, path, wrap, changes_only=False):
        self._api.watch(path, self._stop, lambda kind, item: self._seen.put(wrap(kind, item)), changes_only)

    def report(self, observation):
        """For sources of others. Threads: any."""
        self._seen.put(observation)

    def close(self):
        self._stop.set()
        self._scraper.close()

    def take(self, timeout_s):
        """Applies the next observation and answers it; None if there was none in time."""
        try:
            seen = self._seen.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self.record.apply(seen)
        if isinstance(seen, PodSeen):
            self._aim(seen)
        return seen

    def _aim(self, seen):
        """Points the scraper at the pod, and asks it at once when its deletion has just been asked for."""
        pod = self.record.pods[seen.pod["metadata"]["uid"]]
        if seen.deleted:
            self._scraper.forget(pod.uid)
        elif pod.address and (pod.ready or pod.drain or pod.deleting_at):
            self._scraper.set(pod.uid, pod.address, draining=bool(pod.drain or pod.deleting_at))
        if pod.drain and pod.uid not in self._followed:
            self._followed.add(pod.uid)
            self._api.follow_log(self._namespace, pod.name, "gateway", lambda line: self._listen(pod.uid, line))
        if pod.deleting_at == seen.at:
            self._scraper.now(pod.uid)
            self.record.mark_past_deadline(pod.uid, time.time())

    def _listen(self, uid, line):
        if words := TERMINATING.search(line):
            self._seen.put(LastWords(time.monotonic(), uid, int(words[1])))

    def _sample_memory(self):
        while not self._stop.wait(MEMORY_EVERY_S):
            try:
                pods = self._api.get(f"/api/v1/namespaces/{self._system_namespace}/pods")["items"]
            except (OSError, TypeError):
                continue
            for program in PROGRAMS:
                ids = memory.container_ids(pods, program)
                found = memory.largest_bytes(ids) if ids else None
                if found is not None:
                    self._seen.put(MemorySeen(time.monotonic(), program, found))
