#include "cli/top_rows.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using namespace testing;

LiveFigure counted(double connections, double opened, double sent, SteadyTime at) {
  LiveFigure live = figure(connections, at);
  live.metrics.opened = opened;
  live.metrics.messages_sent = sent;
  live.metrics.resident_bytes = opened * 1024;
  return live;
}

std::vector<TopRow> rows() {
  const std::vector<kube::Object> pods = {object(pod_json("bbbbb")), object(pod_json("aaaaa")),
                                          object(pod_json("ccccc"))};
  const SteadyTime begin(1h);
  return top_rows(pods, {{"a", counted(10, 100, 1000, begin)}, {"b", counted(5, 500, 0, begin)}},
                  {{"a", counted(20, 120, 5000, begin + 2s)}, {"b", counted(7, 3, 9, begin + 2s)}});
}

TEST_CASE("rates are between two looks, and none is told of a gateway that began anew") {
  auto all = rows();
  REQUIRE(all.size() == 2);
  REQUIRE(sort_rows(all, "name"));
  CHECK(all[0].pod == "edge-aaaaa");
  CHECK(all[0].opened == 10);
  CHECK(all[0].sent == 2000);
  CHECK(all[1].seconds == 0);
  const auto lines = render(top_table(all, false), {});
  CHECK(lines[0].find("POD          STATE    CONNS") == 0);
  CHECK(lines[1].find("10/s") != std::string::npos);
  const kube::Json json = top_json(all);
  CHECK(json["items"][0]["perSecond"]["messagesSent"] == 2000);
  CHECK_FALSE(json["items"][1].contains("perSecond"));
}

TEST_CASE("rows are sorted by what is asked for") {
  const auto first = [](const char* by) {
    auto all = rows();
    REQUIRE(sort_rows(all, by));
    return all.front().pod;
  };
  CHECK(first("name") == "edge-aaaaa");
  CHECK(first("connections") == "edge-aaaaa");
  CHECK(first("messages") == "edge-aaaaa");
  CHECK(first("memory") == "edge-aaaaa");
  std::vector<TopRow> none;
  CHECK_FALSE(sort_rows(none, "colour"));
}

}  // namespace
}  // namespace sluice::cli
