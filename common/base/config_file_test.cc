#include "common/base/config_file.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

struct Read {
  std::string address;
  std::int64_t port = 0;
  Duration wait{0};
  std::int64_t buffer = 0;
  double ratio = 0;
  bool fast = false;
  std::string error;
};

/// Reads a small configuration the way the programs do.
Read read(const char* text) {
  Result<ConfigFile> file = ConfigFile::parse(text, "test.yaml");
  if (!file) return {.error = file.error().message};
  const ConfigNode root = file->root();
  root.only({"listen", "wait", "buffer", "ratio", "fast", "names"});
  const ConfigNode listen = root.at("listen");
  listen.only({"address", "port"});
  Read out;
  out.address = listen.text("address", "0.0.0.0");
  out.port = listen.integer("port", 1, 65535, 8080);
  out.wait = root.duration("wait", 1ms, 1h, 30s);
  out.buffer = root.bytes("buffer", 1024, 1 << 20, 4096);
  out.ratio = root.number("ratio", 0, 1, 0.5);
  out.fast = root.boolean("fast", false);
  for (const ConfigNode& name : root.at("names").items()) out.address += name.scalar();
  if (const Status status = file->status(); !status) out.error = status.error().message;
  return out;
}

}  // namespace

TEST_CASE("an empty file reads as the defaults") {
  for (const char* text : {"", "# nothing\n", "listen:\n"}) {
    const Read out = read(text);
    CHECK(out.error.empty());
    CHECK(out.address == "0.0.0.0");
    CHECK(out.port == 8080);
    CHECK(out.wait == 30s);
  }
}

TEST_CASE("every kind of value is read") {
  const Read out = read(
      "listen: {address: 127.0.0.1, port: 9000}\nwait: 1m30s\nbuffer: 64KiB\nratio: 0.25\nfast: true\nnames: [a, b]\n");
  CHECK(out.error.empty());
  CHECK(out.address == "127.0.0.1ab");
  CHECK(out.port == 9000);
  CHECK(out.wait == 90s);
  CHECK(out.buffer == 65536);
  CHECK(out.ratio == 0.25);
  CHECK(out.fast);
}

TEST_CASE("a fault names file, line, field and what would be right") {
  struct Row {
    const char* text;
    const char* error;
  };
  const Row rows[] = {
      {"listen:\n  port: 99999\n", "test.yaml:2: listen.port: \"99999\" is not an integer from 1 to 65535"},
      {"listen:\n  port: x\n", "test.yaml:2: listen.port: \"x\" is not an integer from 1 to 65535"},
      {"\nlisten:\n  prot: 1\n", "test.yaml:3: listen.prot: unknown field (known: address, port)"},
      {"listen: 5\n", "test.yaml:1: listen: must be a map of fields"},
      {"wait: soon\n", "test.yaml:1: wait: \"soon\" is not a duration from 1ms to 1h0m0s (30s, 1m30s, 250ms)"},
      {"buffer: 1\n", "test.yaml:1: buffer: \"1\" is not a size from 1KiB to 1MiB (65536, 64KiB, 1MiB)"},
      {"ratio: 2\n", "test.yaml:1: ratio: \"2\" is not a number from 0 to 1"},
      {"fast: yes\n", "test.yaml:1: fast: \"yes\" is neither true nor false"},
      {"names: {a: b}\n", "test.yaml:1: names: must be a list"},
      {"names:\n- a\n- [b]\n", "test.yaml:3: names[1]: must be a single value"},
      {"- a\n", "test.yaml:1: must be a map of fields"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read(row.text).error == row.error);
  }
}

TEST_CASE("what is not YAML is refused with its line") {
  const Read out = read("listen: {port: 1\nwait: [\n");
  CHECK(out.error.find("test.yaml:") == 0);
  CHECK(out.error.find("not YAML") != std::string::npos);
  const Result<ConfigFile> missing = ConfigFile::load("no/such/file.yaml");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().message == "no/such/file.yaml: no such file, or not readable");
}

}  // namespace sluice
