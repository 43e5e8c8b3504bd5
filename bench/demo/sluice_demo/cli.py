"""The command line: brings everything up, plays the scenario, tells the figures, takes everything down."""

import argparse
import contextlib
import json
import sys
import time

from sluice_cluster import interrupts, ownership
from sluice_cluster.errors import ClusterError

from . import diagnose, verdict, view
from .cluster import EXAMPLE, GATEWAY, LOADGEN, NAMESPACE, ROOT, SYSTEM_NAMESPACE, Cluster
from .errors import DemoError
from .kube_api import KubeApi
from .load import Load
from .netns import LoadNamespace
from .observe import Observer
from .record import Record
from .scenario import LOADGEN_FLAGS, Scenario

FOLDER = ROOT / "build" / "demo"


def main(words):
    options = argparse.ArgumentParser(prog="run.py", description="The main job on a real cluster, live; see bench/README.md.")
    options.add_argument("--bench", action="store_true", help="print the figures as lines `figure NAME = VALUE UNIT`")
    options.add_argument("--keep", action="store_true", help="leave the cluster and what is in it as they are at the end")
    arguments = options.parse_args(words)
    interrupts.install()  # Tidies up after itself on SIGTERM and without its terminal as after Ctrl-C.
    ownership.make_folder(FOLDER)
    try:
        with open(FOLDER / "commands.log", "wb") as log:
            return Demo(arguments, log).run()
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    except (DemoError, ClusterError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        ownership.give_tree(FOLDER)


class Demo:
    """One run. What it starts is ended in the reverse order, whatever happens."""

    def __init__(self, arguments, log):
        self._arguments = arguments
        self._cluster = Cluster(log)
        self._record = Record()
        self._began = time.monotonic()
        self._view = view.View(self._record, self._began, "Ctrl-C stops and tidies up")

    def run(self):
        self._cluster.check_built()
        with contextlib.ExitStack() as undo:
            self._bring_up(undo)
            error = None
            try:
                self._play()
            except DemoError as failed:
                error = failed
            return self._tell(error)

    def _say(self, text):
        self._view.say(time.monotonic(), text)

    def _bring_up(self, undo):
        ran_before = self._cluster.runs()
        if ran_before:
            self._say("a cluster of this checkout runs already; it is used, and left as it is at the end")
            if not self._arguments.keep:
                undo.callback(self._remove_example)
        else:
            self._say("starting a Kubernetes cluster on this machine")
            if not self._arguments.keep:
                undo.callback(self._take_down)
            self._cluster.up(self._arguments.keep)
        self._cluster.find_tools()
        self._say("installing Sluice with helm, and a Prometheus")
        self._cluster.deploy()
        if ran_before:
            self._remove_example()  # A gateway of an earlier run has pods, and its HPA a past, that would be measured again.
        self._say(f"kubectl apply -f {EXAMPLE.relative_to(ROOT)}")
        self._cluster.kubectl("apply", "-f", EXAMPLE)

    def _take_down(self):
        self._say("taking the cluster down")
        self._cluster.down()

    def _remove_example(self):
        # The background cascade of the gateway drains its pods; nobody is left to be drained.
        self._cluster.kubectl("delete", "-f", EXAMPLE, "--ignore-not-found", "--wait=true", "--timeout=180s")

    def _play(self):
        api = KubeApi(self._cluster.kubectl_path, self._cluster.kubeconfig)
        with contextlib.ExitStack() as undo:
            observer = Observer(api, self._record, NAMESPACE, GATEWAY, SYSTEM_NAMESPACE)
            undo.callback(observer.close)
            scenario = Scenario(observer, self._view)
            scenario.first_pods()
            namespace = undo.enter_context(LoadNamespace(self._cluster.settings))
            log = undo.enter_context(open(FOLDER / "loadgen.log", "wb"))
            flags = ["--url", self._url(), "--source", ",".join(namespace.sources), *LOADGEN_FLAGS]
            load = Load(namespace.wrap([LOADGEN, *flags]), log, observer.report)
            undo.callback(load.close)
            scenario.play(load)
            final = load.stop()
            if final is None:
                raise DemoError("the load generator did not end in time")
            self._record.load = final

    def _url(self):
        url = self._cluster.service_url()
        if url is None:
            raise DemoError(f"there is no Service {GATEWAY} in the namespace {NAMESPACE}")
        return url

    def _tell(self, error):
        rows = verdict.criteria(self._record)
        good = error is None and verdict.passed(rows)
        paint = (lambda line: line) if sys.stdout.isatty() else view.plain
        print()
        for line in view.table(rows):
            print(paint(line))
        (FOLDER / "result.json").write_text(json.dumps(verdict.details(self._record), indent=1))
        if not good:
            print()
            diagnose.explain(self._cluster, FOLDER, sys.stdout)
            print(f"\nlogs: {FOLDER.relative_to(ROOT)}/ (commands.log, loadgen.log, diagnosis.txt, result.json), build/cluster/logs/")
            if error is not None:
                print(f"demo: stopped early: {error}")
        if self._arguments.bench:
            print()
            for line in view.figures(rows):
                print(line)
        took = time.monotonic() - self._began
        print(paint(f"\n{view.GREEN if good else view.RED}{'PASSED' if good else 'FAILED'}{view.PLAIN} after {took:.0f} s"), flush=True)
        return 0 if good else 1
