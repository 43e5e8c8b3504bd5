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

std::string text(const Object& o) {
  if (!o) return "-";
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

Texts texts(const std::vector<HeldChange>& held) {
  std::vector<Change> changes;
  for (const HeldChange& change : held) changes.push_back(change.get());
  return texts(changes);
}

Store store_of(const std::vector<std::string>& objects) {
  Store store;
  for (const std::string& o : objects) store.apply({Type::kAdded, object(o)});
  return store;
}

std::vector<std::string> content(const Store& store) {
  std::vector<std::string> out;
  for (const Object& o : store.list()) out.push_back(text(o));
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
  const Object before = store.get("a");
  store.replace(store_of({"a@1"}));
  CHECK(store.get("a") == before);
}

TEST_CASE("the store is read by key and by namespace") {
  const Store store = store_of({"x/a@1", "x/b@1", "xy/a@1", "c@1"});
  CHECK(text(store.get("x/b")) == "x/b@1");
  CHECK(store.get("x/c") == nullptr);
  CHECK(store.size() == 4);
  CHECK(store.held_namespace("x").size() == 2);
  CHECK(store.held_namespace("xy").size() == 1);
  CHECK(store.held_namespace("").empty());
  CHECK(store.held_namespace("z").empty());
}

TEST_CASE("a packed store says what an unpacked one says") {
  Store packed({.packed = true});
  CHECK(texts(packed.apply({Type::kAdded, object("a@1")})) == Texts{"->a@1"});
  CHECK(texts(packed.apply({Type::kModified, object("a@1")})).empty());
  CHECK(texts(packed.apply({Type::kModified, object("a@2")})) == Texts{"a@1>a@2"});
  CHECK(texts(packed.apply({Type::kModified, object("a@3#v")})) == Texts{"a@2>-", "->a@3#v"});
  CHECK(texts(packed.apply({Type::kDeleted, object("a@4#v")})) == Texts{"a@4#v>-"});
  for (const char* o : {"a@1", "b@1", "c@1", "d@1"}) packed.add(object(o));
  Store state = packed.like();
  for (const char* o : {"b@1", "c@2", "d@1#v", "e@1"}) state.add(object(o));
  CHECK(texts(packed.replace(std::move(state))) == Texts{"a@1>-", "c@1>c@2", "d@1>-", "->d@1#v", "->e@1"});
  CHECK(content(packed) == Texts{"b@1", "c@2", "d@1#v", "e@1"});
}

TEST_CASE("an index finds objects by what they say now") {
  const auto index = [](const Json& o) { return std::string(resource_version_of(o)); };
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    Store store({.packed = packed, .index = index});
    const auto at = [&](const char* value) {
      Texts out;
      for (const Held& held : store.held_indexed(value)) out.push_back(text(held.get()));
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
  }
}

TEST_CASE("a digest is made once of each version, and kept where nothing has changed") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    int made = 0;
    Store store({.packed = packed, .index = {}, .digest = [&made](const Json& o) -> Digest {
                   ++made;
                   return std::make_shared<const std::string>(resource_version_of(o));
                 }});
    const auto digest = [&] { return *std::static_pointer_cast<const std::string>(store.held("a").digest()); };
    store.add(object("a@1"));
    CHECK(digest() == "1");
    CHECK(store.held("b").digest() == nullptr);
    store.apply({Type::kModified, object("a@2")});
    CHECK(digest() == "2");
    CHECK(made == 2);
    const Digest before = store.held("a").digest();
    Store state = store.like();
    state.add(object("a@2"));
    store.replace(std::move(state));
    CHECK(store.held("a").digest() == before);
  }
}

TEST_CASE("what was decoded last is decoded once, and many at a time leave no trace") {
  RecentObjects recent;
  const auto names = std::make_shared<NameTable>();
  const Held first(object("a@1"), names);
  const Object decoded = recent.get(first);
  CHECK(recent.get(first) == decoded);
  std::vector<Held> many;
  for (std::size_t i = 0; i < RecentObjects::kObjectsMax; ++i) many.emplace_back(object("b@1"), names);
  CHECK(recent.get(many).size() == many.size());
  CHECK(recent.get(first) == decoded);
  for (const Held& held : many) (void)recent.get(held);
  CHECK(recent.get(first) != decoded);
  const Object whole = std::make_shared<const Json>(object("c@1"));
  CHECK(recent.get(Held(whole)) == whole);
  CHECK(recent.get(Held()) == nullptr);
}

}  // namespace sluice::kube
