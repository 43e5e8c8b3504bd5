#include "adapter/promql.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

TEST_CASE("matchers hold any value without letting it become syntax") {
  CHECK(matcher_equal("pod", "edge-7f2k") == R"(pod="edge-7f2k")");
  CHECK(matcher_equal("pod", "x\"} or vector(1) #", true) == R"(pod!="x\"} or vector(1) #")");
  CHECK(matcher_equal("pod", "back\\slash\nline\x01") == R"(pod="back\\slash\nline\x01")");
  CHECK(matcher_equal("pod", "it's `raw`") == R"(pod="it\x27s \x60raw\x60")");
  CHECK(matcher_equal("pod", "ä") == "pod=\"ä\"");
  CHECK(matcher_any("pod", {"a", "b"}) == R"(pod=~"a|b")");
  CHECK(matcher_any("pod", {"a.b", ".*"}, true) == R"(pod!~"a\\.b|\\.\\*")");
  CHECK(matcher_any("pod", {"", "a"}) == R"(pod=~"|a")");
}

TEST_CASE("only what Prometheus takes for a label's name is one") {
  for (const char* good : {"pod", "_x", "kube_pod", "a1"}) CHECK(is_label_name(good));
  for (const char* bad : {"", "1a", "a-b", "sluice.dev/gateway", "a b", "ä"}) CHECK_FALSE(is_label_name(bad));
}

}  // namespace
}  // namespace sluice::adapter
