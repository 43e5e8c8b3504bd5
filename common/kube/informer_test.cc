#include "common/kube/informer.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "common/kube/fake_api.h"

namespace sluice::kube {
namespace {

constexpr Duration kLong{20'000};  // reached only by a fault

/// An informer on what the fake API server says, and what its handler was told: "+a@1", "a@1>2", "-a@3".
struct Fixture {
  SystemClock clock;
  Random random{1};
  MetricsRegistry metrics;
  FakeApi api;
  Client client;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> told;
  Informer informer;

  explicit Fixture(std::deque<std::string> answers, std::function<void(Json&)> transform = {})
      : api(std::move(answers)),
        client(api.config(), "test", nullptr),
        informer(client, clock, random, kConfigMaps, {.ns = "ns", .transform = std::move(transform)}, &metrics) {
    informer.add_handler([this](const Object& before, const Object& after) {
      const auto text = [](const Object& o) {
        return std::string(name_of(*o)) + "@" + std::string(resource_version_of(*o));
      };
      const std::lock_guard lock(mutex);
      if (!before) {
        told.push_back("+" + text(after));
      } else if (!after) {
        told.push_back("-" + text(before));
      } else {
        told.push_back(text(before) + ">" + std::string(resource_version_of(*after)));
      }
      changed.notify_all();
    });
    informer.start();
  }
  bool wait_told(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, [&] { return told.size() >= count; });
  }
  std::vector<std::string> all_told() {
    const std::lock_guard lock(mutex);
    return told;
  }
  /// What request number `i` asked for, without the watch's time, which is random.
  std::string asked(std::size_t i) {
    std::string line = api.asked(i);
    return line.substr(0, line.find("&timeoutSeconds"));
  }
};

using Texts = std::vector<std::string>;

const std::string kWatchPath = "GET /api/v1/namespaces/ns/configmaps?watch=true&allowWatchBookmarks=true";
const std::string kRefused = answer(422, R"({"message":"sendInitialEvents is forbidden"})");

}  // namespace

TEST_CASE("a server without WatchList is listed and then watched") {
  Fixture f({kRefused, answer(200, R"({"metadata":{"resourceVersion":"5"},"items":[
                 {"metadata":{"name":"a","uid":"a","resourceVersion":"3","managedFields":[{}]}}]})"),
             open_watch(watch_line("MODIFIED", "a", "6") + watch_line("ADDED", "b", "7"))});
  REQUIRE(f.informer.wait_synced(kLong));
  REQUIRE(f.wait_told(3));
  CHECK(f.all_told() == Texts{"+a@3", "a@3>6", "+b@7"});
  CHECK(f.asked(0) == kWatchPath + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  CHECK(f.asked(1) == "GET /api/v1/namespaces/ns/configmaps?resourceVersion=0&resourceVersionMatch=NotOlderThan");
  CHECK(f.asked(2) == kWatchPath + "&resourceVersion=5");
  CHECK(f.informer.resource_version() == "7");
}

TEST_CASE("a list's objects are of the same shape as a watch's, and a transform sees objects alone") {
  const std::string bookmark = R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}})"
                               "\n";
  std::mutex mutex;
  std::vector<std::string> seen;
  const auto transform = [&](Json& object) {
    const std::lock_guard lock(mutex);
    seen.push_back(text_at(object, "/apiVersion") + " " + text_at(object, "/kind") + " " +
                   std::string(name_of(object)));
  };
  Fixture f({kRefused, answer(200, R"({"metadata":{"resourceVersion":"5"},"items":[7,
                 {"metadata":{"name":"a","uid":"a","resourceVersion":"3"}}]})"),
             open_watch(bookmark + R"({"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap",)"
                                   R"("metadata":{"name":"b","uid":"b","resourceVersion":"7"}}})"
                                   "\n")},
            transform);
  REQUIRE(f.wait_told(2));
  const std::lock_guard lock(mutex);
  CHECK(seen == Texts{"v1 ConfigMap a", "v1 ConfigMap b"});
  const Object a = f.informer.get("a");
  REQUIRE(a != nullptr);
  CHECK(text_at(*a, "/kind") == "ConfigMap");
}

TEST_CASE("nothing is told before the state is complete") {
  // Had "a" been told as it came, its deletion would have been told, too.
  Fixture f({open_watch(watch_line("ADDED", "a", "1") + watch_line("ADDED", "b", "2") +
                        watch_line("DELETED", "a", "3") + end_of_state_line("4"))});
  REQUIRE(f.informer.wait_synced(kLong));
  CHECK(f.all_told() == Texts{"+b@2"});
  CHECK(f.informer.size() == 1);
  CHECK(f.informer.resource_version() == "4");
}

TEST_CASE("a state that breaks off is not taken for the whole") {
  Fixture f({answer(200, watch_line("ADDED", "a", "1")),  // ends without its bookmark
             open_watch(watch_line("ADDED", "b", "2") + end_of_state_line("4"))});
  REQUIRE(f.informer.wait_synced(kLong));
  CHECK(f.all_told() == Texts{"+b@2"});
}

TEST_CASE("an ERROR of a watch that is too old leads to a new list and the changes in between") {
  const std::string gone =
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}})";
  Fixture f({open_watch(watch_line("ADDED", "a", "1") + watch_line("ADDED", "b", "2") + end_of_state_line("4") + gone +
                        "\n" + watch_line("ADDED", "ignored", "5")),
             open_watch(watch_line("ADDED", "b", "8") + watch_line("ADDED", "c", "9") + end_of_state_line("9"))});
  REQUIRE(f.wait_told(5));
  CHECK(f.all_told() == Texts{"+a@1", "+b@2", "-a@1", "b@2>8", "+c@9"});
  CHECK(f.asked(1) == kWatchPath + "&resourceVersion=4&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
}

TEST_CASE("a watch that ends goes on from the last event or bookmark") {
  const std::string bookmark = R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})"
                               "\n";
  Fixture f({answer(200, watch_line("ADDED", "a", "1") + end_of_state_line("4")),
             answer(200, watch_line("MODIFIED", "a", "6")), answer(200, bookmark),
             open_watch(watch_line("MODIFIED", "a", "6") + watch_line("MODIFIED", "a", "11"))});
  REQUIRE(f.wait_told(3));
  CHECK(f.all_told() == Texts{"+a@1", "a@1>6", "a@6>11"});  // what comes twice is told once
  CHECK(f.asked(1) == kWatchPath + "&resourceVersion=4");
  CHECK(f.asked(2) == kWatchPath + "&resourceVersion=6");
  CHECK(f.asked(3) == kWatchPath + "&resourceVersion=9");
}

TEST_CASE("a busy server keeps the version, and failures are counted") {
  Fixture f({answer(200, end_of_state_line("4")), answer(429, "{}", "Retry-After: 1\r\n"),
             open_watch(watch_line("ADDED", "a", "6"))});
  REQUIRE(f.wait_told(1));
  CHECK(f.asked(2) == kWatchPath + "&resourceVersion=4");
  CHECK(f.metrics.counter("reflector_failures_total", "", {{"name", "configmaps"}}).value() == 1);
}

TEST_CASE("a handler can tell the first list from what happens now, of objects and of digests") {
  for (const bool digests : {false, true}) {
    CAPTURE(digests);
    FakeApi api({answer(200, watch_line("ADDED", "a", "1") + watch_line("ADDED", "b", "2") + end_of_state_line("2")),
                 answer(410, "{}"), answer(200, watch_line("ADDED", "a", "4") + end_of_state_line("4")),
                 open_watch(watch_line("ADDED", "c", "5"))});
    SystemClock clock;
    Random random(1);
    Client client(api.config(), "test", nullptr);
    struct Kept {
      std::string name, uid, version;
    };
    const auto digest = [](const Json& o) {
      const auto kept = std::make_shared<const Kept>(
          Kept{std::string(name_of(o)), std::string(uid_of(o)), std::string(resource_version_of(o))});
      return Digest{.value = kept, .uid = kept->uid, .version = kept->version};
    };
    const auto value = [](const Json& o) { return text_at(o, "/data/value"); };
    Informer::Options options{.index = value};
    if (digests) options.digest = digest;
    Informer informer(client, clock, random, kConfigMaps, std::move(options), nullptr);
    std::mutex mutex;
    std::condition_variable changed;
    Texts told;
    const auto tell = [&](bool before, bool after, const std::string& name, Informer::Origin origin) {
      const char* sign = !before ? "+" : !after ? "-" : "";
      const std::lock_guard lock(mutex);
      told.push_back((origin == Informer::Origin::kFirstList ? "first " : "") + std::string(sign) + name);
      changed.notify_all();
    };
    informer.add_handler([&](const Object& before, const Object& after, Informer::Origin origin) {
      tell(before != nullptr, after != nullptr, std::string(name_of(after ? *after : *before)), origin);
    });
    const auto kept = [](const Informer::DigestPtr& one) { return std::static_pointer_cast<const Kept>(one); };
    informer.add_digest_handler([&](const auto& before, const auto& after, Informer::Origin origin) {
      tell(before != nullptr, after != nullptr, kept(after ? after : before)->name, origin);
    });
    informer.start();
    {
      std::unique_lock lock(mutex);
      REQUIRE(changed.wait_for(lock, kLong, [&] { return told.size() == 5; }));
      CHECK(told == Texts{"first +a", "first +b", "-b", "a", "+c"});
    }
    CHECK(informer.size() == 2);
    if (digests) {
      CHECK(informer.digests().size() == 2);
      CHECK(kept(informer.digest("a"))->version == "4");
      REQUIRE(informer.digests_indexed("5").size() == 1);
      CHECK(kept(informer.digests_indexed("5").front())->name == "c");
      CHECK(informer.list().empty());
    } else {
      CHECK(informer.list().size() == 2);
      CHECK(resource_version_of(*informer.get("a")) == "4");
      REQUIRE(informer.list_indexed("5").size() == 1);
      CHECK(name_of(*informer.list_indexed("5").front()) == "c");
      CHECK(informer.list_indexed("1").empty());
      CHECK(informer.digests().empty());
    }
    informer.stop();
  }
}

TEST_CASE("stop ends an informer that never saw its server") {
  SystemClock clock;
  Random random(1);
  Config config;
  config.server = "http://127.0.0.1:1";
  Client client(config, "test", nullptr);
  Informer informer(client, clock, random, kConfigMaps, {}, nullptr);
  informer.start();
  CHECK(!informer.wait_synced(10ms));
  informer.stop();
  CHECK(!informer.synced());
  CHECK(!informer.wait_synced(kLong));  // at once
}

TEST_CASE("shut_down of the client frees an informer whose list hangs") {
  // The WatchList is refused and the list never answered.
  FakeApi api({kRefused, ""});
  SystemClock clock;
  Random random(1);
  Client client(api.config(), "test", nullptr);
  Informer informer(client, clock, random, kConfigMaps, {}, nullptr);
  informer.start();
  CHECK(!informer.wait_synced(10ms));
  client.shut_down();
  informer.stop();
  CHECK(!informer.synced());
}

}  // namespace sluice::kube
