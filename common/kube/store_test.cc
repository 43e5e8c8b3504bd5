#include "common/kube/store.h"

#include <doctest/doctest.h>

namespace sluice::kube {
namespace {

using Type = WatchEvent::Type;
using Texts = std::vector<std::string>;

/// "a@5" is the object a in version 5 with the UID u; "a@5#v" has the UID v. Names may hold a namespace: "ns/a@5".
Json object(const std::string& text) {
  const auto at = text.find('@');
  const auto hash = text.find('#');
  const KeyParts key = split_key(text.substr(0, at));
  Json out;
  out["metadata"]["name"] = key.name;
  if (!key.ns.empty()) out["metadata"]["namespace"] = key.ns;
  out["metadata"]["resourceVersion"] = text.substr(at + 1, hash == std::string::npos ? hash : hash - at - 1);
  out["metadata"]["uid"] = hash == std::string::npos ? "u" : text.substr(hash + 1);
  return out;
}

std::string text(const Held& held) {
  if (!held) return "-";
  const Object o = held.object();
  const std::string uid(uid_of(*o));
  return key_of(*o) + "@" + std::string(resource_version_of(*o)) + (uid == "u" ? "" : "#" + uid);
}

/// "before>after", a dash for what is null.
std::vector<std::string> texts(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  out.reserve(changes.size());
  for (const Change& change : changes) out.push_back(text(change.before) + ">" + text(change.after));
  return out;
}

Store store_of(const std::vector<std::string>& objects) {
  Store store;
  for (const std::string& o : objects) store.apply({Type::kAdded, object(o)});
  return store;
}

std::vector<std::string> content(const Store& store) {
  std::vector<std::string> out;
  for (const Held& held : store.held()) out.push_back(text(held));
  return out;
}

}  // namespace

TEST_CASE("an event changes the store and says how") {
  struct Row {
    std::string name;
    Texts known;
    Type type;
    std::string event;
    Texts changes;
    Texts left;
  };
  const Row rows[] = {
      {"an addition", {}, Type::kAdded, "a@1", {"->a@1"}, {"a@1"}},
      {"an update", {"a@1"}, Type::kModified, "a@2", {"a@1>a@2"}, {"a@2"}},
      {"an update of what was never seen", {}, Type::kModified, "a@2", {"->a@2"}, {"a@2"}},
      {"an addition of what is known", {"a@1"}, Type::kAdded, "a@2", {"a@1>a@2"}, {"a@2"}},
      {"a version that is here already", {"a@1"}, Type::kModified, "a@1", {}, {"a@1"}},
      {"a deletion tells the last state", {"a@1", "b@1"}, Type::kDeleted, "a@3", {"a@3>-"}, {"b@1"}},
      {"a deletion of what is not here", {"b@1"}, Type::kDeleted, "a@3", {}, {"b@1"}},
      {"a deletion of another object of that name", {"a@1"}, Type::kDeleted, "a@3#v", {"a@1>-"}, {}},
      {"another object took the name", {"a@1"}, Type::kAdded, "a@3#v", {"a@1>-", "->a@3#v"}, {"a@3#v"}},
      {"the same version number of another object", {"a@1"}, Type::kAdded, "a@1#v", {"a@1>-", "->a@1#v"}, {"a@1#v"}},
      {"a bookmark", {"a@1"}, Type::kBookmark, "b@9", {}, {"a@1"}},
      {"an error", {"a@1"}, Type::kError, "b@9", {}, {"a@1"}},
      {"no name", {"a@1"}, Type::kAdded, "@9", {}, {"a@1"}}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Store store = store_of(row.known);
    CHECK(texts(store.apply({row.type, object(row.event)})) == row.changes);
    CHECK(content(store) == row.left);
  }
}

TEST_CASE("a new list synthesises what was missed, deletions first") {
  struct Row {
    std::string name;
    Texts known;
    Texts listed;
    Texts changes;
  };
  const Row rows[] = {{"the first list", {}, {"a@1", "b@2"}, {"->a@1", "->b@2"}},
                      {"nothing has changed", {"a@1", "b@2"}, {"a@1", "b@2"}, {}},
                      {"an update", {"a@1", "b@2"}, {"a@5", "b@2"}, {"a@1>a@5"}},
                      {"a deletion that was missed", {"a@1", "b@2"}, {"b@2"}, {"a@1>-"}},
                      {"deletions come before the rest", {"b@1"}, {"a@2"}, {"b@1>-", "->a@2"}},
                      {"deleted and made again", {"a@1"}, {"a@7#v"}, {"a@1>-", "->a@7#v"}},
                      {"everything is gone", {"a@1", "b@2"}, {}, {"a@1>-", "b@2>-"}},
                      {"versions that went back (etcd was restored)", {"a@9"}, {"a@3"}, {"a@9>a@3"}}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Store store = store_of(row.known);
    CHECK(texts(store.replace(store_of(row.listed))) == row.changes);
    CHECK(content(store) == row.listed);
  }
}

TEST_CASE("an object of the same version keeps its place in memory") {
  Store store = store_of({"a@1"});
  const Object before = store.held("a").object();
  store.replace(store_of({"a@1"}));
  CHECK(store.held("a").object() == before);
}

TEST_CASE("the store is read by key and by namespace") {
  const Store store = store_of({"x/a@1", "x/b@1", "xy/a@1", "c@1"});
  CHECK(text(store.held("x/b")) == "x/b@1");
  CHECK_FALSE(store.held("x/c"));
  CHECK(store.size() == 4);
  CHECK(store.held_namespace("x").size() == 2);
  CHECK(store.held_namespace("xy").size() == 1);
  CHECK(store.held_namespace("").empty());
  CHECK(store.held_namespace("z").empty());
}

TEST_CASE("an index finds objects by what they say now") {
  Store store({.index = [](const Json& o) { return std::string(resource_version_of(o)); }, .digest = {}});
  const auto at = [&](const char* value) {
    Texts out;
    for (const Held& held : store.held_indexed(value)) out.push_back(text(held));
    return out;
  };
  for (const char* o : {"b@1", "a@1", "c@2"}) store.add(object(o));
  CHECK(at("1") == Texts{"a@1", "b@1"});
  store.apply({Type::kModified, object("a@2")});
  CHECK(at("1") == Texts{"b@1"});
  CHECK(at("2") == Texts{"a@2", "c@2"});
  store.apply({Type::kDeleted, object("b@9")});
  CHECK(at("1").empty());
  CHECK(at("9").empty());
  Store state = store.like();
  for (const char* o : {"a@2", "d@2"}) state.add(object(o));
  store.replace(std::move(state));
  CHECK(at("2") == Texts{"a@2", "d@2"});
  store.apply({Type::kModified, object("d@3")});
  CHECK(at("2") == Texts{"a@2"});
  CHECK(at("3") == Texts{"d@3"});
}

TEST_CASE("a store of digests tells the same changes, and makes one of each version") {
  int made = 0;
  Store store({.index = [](const Json& o) { return std::string(namespace_of(o)); },
               .digest =
                   [&made](const Json& o) {
                     ++made;
                     const auto kept =
                         std::make_shared<const std::pair<std::string, std::string>>(uid_of(o), resource_version_of(o));
                     return Digest{.value = kept, .uid = kept->first, .version = kept->second};
                   }});
  const auto says = [](const std::vector<Change>& changes) {
    Texts out;
    const auto one = [](const Held& held) {
      return held ? std::string(held.version()) + "#" + std::string(held.uid()) : "-";
    };
    for (const Change& change : changes) {
      CHECK(change.before.object() == nullptr);
      CHECK(change.after.object() == nullptr);
      out.push_back(one(change.before) + ">" + one(change.after));
    }
    return out;
  };
  CHECK(says(store.apply({Type::kAdded, object("n/a@1")})) == Texts{"->1#u"});
  CHECK(says(store.apply({Type::kModified, object("n/a@1")})).empty());
  CHECK(says(store.apply({Type::kModified, object("n/a@2")})) == Texts{"1#u>2#u"});
  CHECK(says(store.apply({Type::kModified, object("n/a@3#v")})) == Texts{"2#u>-", "->3#v"});
  CHECK(made == 4);
  REQUIRE(store.held_indexed("n").size() == 1);
  const auto before = store.held("n/a").digest();
  Store state = store.like();
  state.add(object("n/a@3#v"));
  state.add(object("n/b@4"));
  CHECK(says(store.replace(std::move(state))) == Texts{"->4#u"});
  CHECK(store.held("n/a").digest() == before);
  CHECK(says(store.apply({Type::kDeleted, object("n/b@9")})) == Texts{"9#u>-"});
  CHECK(says(store.apply({Type::kDeleted, object("n/a@9")})) == Texts{"3#v>-"});
  CHECK(store.size() == 0);
  CHECK(store.held_indexed("n").empty());
}

}  // namespace sluice::kube
