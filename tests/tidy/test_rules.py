"""The rules themselves, on small examples."""

import pytest

import rules

CASES = {
    rules.include_direction: {
        "good": [
            ("operator/plan.cc", '#include "common/kube/client.h"\n#include "operator/plan.h"\n#include <vector>\n'),
            ("gateway/drain/pace.cc", '#include "common/base/clock.h"\n'),
            ("common/kube/client.cc", '#include "common/http/client.h"\n'),
        ],
        "bad": [
            ("gateway/admin/api.cc", '#include "common/kube/client.h"\n'),
            ("common/base/log.cc", '#include "common/http/client.h"\n'),
            ("operator/plan.cc", '#include "adapter/rules.h"\n'),
            ("bench/loadgen/frame.cc", '#include "gateway/websocket/frame.h"\n'),
            ("operator/plan.cc", '#include "plan.h"\n'),
            ("misc/plan.cc", ""),
        ],
    },
    rules.heavy_headers: {
        "good": [
            ("common/base/log.cc", "#include <spdlog/spdlog.h>\n"),
            ("common/http/server_test.cc", "#include <boost/asio.hpp>\n"),
            ("common/base/ed25519_jwt.cc", "#include <openssl/evp.h>\n"),
            ("common/http/server_tls.h", "#include <openssl/types.h>\n"),
            ("common/http/transfer.h", "#include <curl/curl.h>\n"),
        ],
        "bad": [
            ("common/base/log.h", "#include <spdlog/spdlog.h>\n"),
            ("operator/main.cc", "#include <curl/curl.h>\n"),
            ("gateway/tls/context.h", "#include <openssl/ssl.h>\n"),
            ("operator/main.cc", '#include "common/http/transfer.h"\n'),
        ],
    },
    rules.finished: {"good": [("a.cc", "// Todos os santos.\n")], "bad": [("a.cc", "int a;  // TODO: b\n"), ("a.py", "# FIXME\n")]},
    rules.portable: {
        "good": [("a", "see /etc/sluice and build/work/x and ${DIR}/work/x\n"), ("a", "root:x:0:0:root:/root:/sbin/nologin\n")],
        "bad": [("a", "cd /work/main\n"), ("a", 'path = "/home/anna/src"\n'), ("a", "/root/.cache\n")],
    },
    rules.constant_log_messages: {
        "good": [
            ("a.cc", 'log_info("drain started", {{"pod", name}});\n'),
            ("a.cc", 'log(LogLevel::kWarn,\n    "slow", {});\n'),
            ("a.cc", "// log_info(text) would not do\n"),
            ("a.cc", "catalog(name);\nconst double lives = std::log(1.0 - x);\n"),
        ],
        "bad": [("a.cc", 'log_info("drain of " + name);\nlog_warn(text);\n'), ("a.cc", "log(LogLevel::kInfo, text, {});\n")],
    },
    rules.asserting: {
        "good": [
            ("a_test.cc", 'TEST_CASE("a") {\n  CHECK(true);\n}\n'),
            ("a_test.cc", 'void expect(int a) {\n  for (int b : {a}) {\n    REQUIRE(b == 1);\n  }\n}\nTEST_CASE("a") {\n  expect(1);\n}\n'),
        ],
        "bad": [
            ("a_test.cc", 'TEST_CASE("a") {\n  CHECK(true);\n}\nTEST_CASE("b") {\n  run();\n}\n'),
            ("a_test.cc", 'TEST_CASE("a" * doctest::skip()) {\n  CHECK(true);\n}\n'),
            ("a_test.cc", "int main() {}\n"),
        ],
    },
    rules.awaiting: {
        "good": [("a", "await asyncio.sleep(0)\n"), ("a", "wait_until(ready)\n")],
        "bad": [("a", "time.sleep(1)\n"), ("a", "std::this_thread::sleep_for(1s);\n"), ("a", "await asyncio.sleep(0.1)\n")],
    },
    rules.running: {"good": [("a.py", "def test_a(): assert True\n")], "bad": [("a.py", "@pytest.mark.skip\ndef test_a(): pass\n")]},
}
ROWS = [(rule, kind, *example) for rule, kinds in CASES.items() for kind, examples in kinds.items() for example in examples]


@pytest.mark.parametrize("rule, kind, path, text", ROWS, ids=[f"{row[0].__name__}-{row[1]}-{number}" for number, row in enumerate(ROWS)])
def test_rule(rule, kind, path, text):
    complaints = rule(path, text)
    assert bool(complaints) == (kind == "bad"), complaints
    for complaint in complaints:
        line = int(complaint.partition(":")[0])
        assert 1 <= line <= text.count("\n") + 1


def test_constant_log_messages_names_the_line():
    assert rules.constant_log_messages("a.cc", "int a;\n\nlog_warn(text);\n")[0].startswith("3: ")
