"""House rules as functions: each takes the source and answers complaints, sentences that name line and remedy.

They are tried on small good and bad examples in test_rules.py and run over the checkout in test_checkout.py.
"""

import re
from pathlib import PurePosixPath

# Dependencies point one way (CONTRIBUTING.md). A folder may include itself and what stands here.
MAY_INCLUDE = {
    "common/base": (),
    "common/http": ("common/base",),
    "common/kube": ("common/base", "common/http"),
    "operator": ("common/base", "common/http", "common/kube"),
    "adapter": ("common/base", "common/http", "common/kube"),
    "cli": ("common/base", "common/http", "common/kube"),
    "tests/integration": ("common/base", "common/http", "common/kube", "operator"),
    # Connections must survive an API server that is down: no common/kube here, and no reason for common/http.
    "gateway": ("common/base",),
    # The load generator has a WebSocket client of its own, so that a fault in the gateway's framing cannot hide behind itself.
    "bench": ("common/base",),
}

# Libraries whose headers cost seconds to compile or spread through a program, and the files that wrap them. A header among those
# files is for them alone. A test may include a library to make what it tests with (a certificate, a server that misbehaves).
WRAPPERS = {
    "spdlog/": ("common/base/log.cc",),
    "yaml-cpp/": ("common/base/config_file.cc", "common/kube/kubeconfig.cc", "common/kube/yaml_json.cc"),
    "prometheus/": ("common/base/metrics.cc",),
    "curl/": ("common/http/client.cc", "common/http/transfer.cc", "common/http/transfer.h"),
    "boost/": ("common/http/server.cc", "common/http/server_connection.cc", "common/http/server_connection.h"),
    "cpprest/": ("operator/admin_client.cc",),
    "pplx/": ("operator/admin_client.cc",),
    "re2/": ("adapter/regex.cc",),
    "simdjson": ("gateway/websocket/utf8.cc",),
}
# OpenSSL does many small things (digests, keys, TLS), each wrapped where it is needed; it only stays out of headers.
NOT_IN_HEADERS = (*WRAPPERS, "openssl/")
# Forward declarations, made for headers.
LIGHT = ("openssl/types.h",)

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}-])/(?:work|root|home/[a-z]\w+|Users/\w+)/")
LOG_CALL = re.compile(r"(?<!std::)\blog(?:_debug|_info|_warn|_error)?\s*\(\s*(?:(?:sluice::)?LogLevel::\w+\s*,\s*)?([^\s)])")
SKIP_CPP = re.compile(r"doctest::(skip|may_fail|should_fail|expected_failures)")
SKIP_PYTHON = re.compile(r"pytest\.mark\.(skip|skipif|xfail)|pytest\.(skip|xfail|importorskip)\(")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|\btime\.sleep\(|\basyncio\.sleep\((?!0\))")
TEST_CASE = re.compile(r"^\s*TEST_CASE(?:_\w+)?\s*\(", re.MULTILINE)
DEFINITION = re.compile(r"^[\w:<>&*, ]+?\b(\w+)\s*\([^;{}]*\)[^;{}]*\{", re.MULTILINE)
KEYWORDS = ("for", "if", "while", "switch", "catch")
ASSERTION = re.compile(r"\b(CHECK|REQUIRE|FAIL|FAIL_CHECK)(_\w+)?\s*\(")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(text):
    """(line, is_ours, path) of each include."""
    return [(line_of(text, match.start(2)), match[1] == '"', match[2]) for match in INCLUDE.finditer(text)]


def part_of(path):
    """The folder of MAY_INCLUDE that a file belongs to, or None."""
    parts = PurePosixPath(path).parts
    for depth in (2, 1):
        folder = "/".join(parts[:depth])
        if folder in MAY_INCLUDE and len(parts) > depth:
            return folder
    return None


def include_direction(path, text):
    """Programs use common, common/kube uses common/http, everything uses common/base; never the other way."""
    part = part_of(path)
    if part is None:
        return [f"1: {path} is C++ outside the folders that tests/tidy/rules.py knows"]
    complaints = []
    for line, ours, included in includes(text):
        if not ours:
            continue
        target = part_of(included)
        if target is None:
            complaints.append(f'{line}: "{included}" is not named from the top of the checkout')
        elif target != part and target not in MAY_INCLUDE[part]:
            complaints.append(f"{line}: {part} must not include {target}")
    return complaints


def heavy_headers(path, text):
    """A heavy library is included by the files that wrap it, and by no header that others include."""
    complaints = []
    for line, _, included in includes(text):
        library = next((prefix for prefix in NOT_IN_HEADERS if included.startswith(prefix) and included not in LIGHT), None)
        wrappers = WRAPPERS.get(library, ())
        if library is not None and path.endswith(".h") and path not in wrappers:
            complaints.append(f"{line}: <{included}> in a header reaches everything that includes it")
        elif wrappers and path not in wrappers and not path.endswith("_test.cc"):
            complaints.append(f"{line}: <{included}> belongs into {' or '.join(wrappers)}")
        for among in WRAPPERS.values():
            if included in among and path not in among and not path.endswith("_test.cc"):
                complaints.append(f"{line}: {included} is for {' and '.join(among)} alone, since it includes a heavy library")
    return complaints


def finished(_, text):
    """No notes to self: what is left is written into an issue, or done."""
    return [f"{line_of(text, match.start())}: {match[1]}" for match in UNFINISHED.finditer(text)]


def portable(_, text):
    """No path of one machine."""
    return [f"{line_of(text, match.start())}: {match[0]} is a path of one machine" for match in MACHINE_PATH.finditer(text)]


def constant_log_messages(path, text):
    """A log line is a constant message with key=value pairs, so that it can be searched for and counted."""
    if path.startswith("common/base/log"):
        return []
    return [
        f"{line_of(text, match.start())}: the message of a log line is a string literal"
        for match in LOG_CALL.finditer(_without_comments(text))
        if match[1] != '"'
    ]


def _without_comments(text):
    """The same text with line comments blanked, so that line numbers stay."""
    return re.sub(r"//[^\n]*", "", text)


def asserting(_, text):
    """A unit test asserts something, in every case of it or in a helper that the file defines; none is switched off."""
    complaints = [f"{line_of(text, match.start())}: {match[0]}: a test runs or is removed" for match in SKIP_CPP.finditer(text)]
    cases = list(TEST_CASE.finditer(text))
    if not cases:
        complaints.append("1: no TEST_CASE in it")
    ends = [case.start() for case in cases[1:]] + [len(text)]
    before_first = text[: cases[0].start()] if cases else ""
    for case, end in zip(cases, ends):
        helped = any(re.search(rf"\b{name}\s*\(", text[case.end() : end]) for name in _asserting_helpers(before_first))
        if not ASSERTION.search(text, case.start(), end) and not helped:
            complaints.append(f"{line_of(text, case.start())}: this test asserts nothing")
    return complaints


def _asserting_helpers(text):
    """Names of functions that are defined in `text` and assert: a name before the parenthesis of the last definition above."""
    names = set()
    for assertion in ASSERTION.finditer(text):
        definitions = [name for name in DEFINITION.findall(text[: assertion.start()]) if name not in KEYWORDS]
        names.update(definitions[-1:])
    return names


def awaiting(_, text):
    """Tests await events; a sleep is either too short or too long."""
    return [f"{line_of(text, match.start())}: {match[0]}...): await the event instead" for match in SLEEP.finditer(text)]


def running(_, text):
    """No Python test is switched off."""
    return [f"{line_of(text, match.start())}: {match[0]}: a test runs or is removed" for match in SKIP_PYTHON.finditer(text)]
