// Configuration files in YAML, read strictly: an unknown field, a wrong type or a value out of range is an error that
// names file, line and field, so that a broken file ends in one line and exit code 1. The only door to yaml-cpp for
// configuration.
//
//   Result<ConfigFile> file = ConfigFile::load(path);
//   ConfigNode root = file->root();
//   root.only({"listen", "tls"});                       // an unknown field is an error
//   options.port = root.at("listen").integer("port", 1, 65535, 8080);
//   if (Status bad = file->status(); !bad) return bad.error();
//
// Readers answer the default after an error and the first error is kept: reading code needs no branch a field.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice {

/// A place in the file. Valid as long as its ConfigFile. A node that is absent reads as its defaults.
class ConfigNode {
 public:
  [[nodiscard]] bool present() const;
  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_scalar() const;
  /// "gateway.yaml:12: listen.port": where this node stands, for an error of the caller's own.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] int line() const;  ///< From 1; 0 where the node is absent.

  /// The child named `field`; absent where there is none.
  [[nodiscard]] ConfigNode at(std::string_view field) const;
  /// The entries of a list; empty where the node is absent. An error where it is something else.
  [[nodiscard]] std::vector<ConfigNode> items() const;
  /// The entries of a map in file order; empty where absent. An error where it is something else.
  [[nodiscard]] std::vector<std::pair<std::string, ConfigNode>> fields() const;
  /// Records an error for each field that is not in `names` (and where the node is no map).
  void only(std::initializer_list<std::string_view> names) const;

  [[nodiscard]] std::string text(std::string_view field, std::string_view otherwise) const;
  [[nodiscard]] std::int64_t integer(std::string_view field, std::int64_t least, std::int64_t most,
                                     std::int64_t otherwise) const;
  [[nodiscard]] double number(std::string_view field, double least, double most, double otherwise) const;
  [[nodiscard]] bool boolean(std::string_view field, bool otherwise) const;
  /// Go's notation: 250ms, 30s, 1m30s, 2h.
  [[nodiscard]] Duration duration(std::string_view field, Duration least, Duration most, Duration otherwise) const;
  /// Bytes: 65536, 64KiB, 1MiB.
  [[nodiscard]] std::int64_t bytes(std::string_view field, std::int64_t least, std::int64_t most,
                                   std::int64_t otherwise) const;
  /// This node itself as a scalar's text; an error where it is none.
  [[nodiscard]] std::string scalar() const;

  /// Records "<where>: <what>" unless an error is recorded already.
  void fail(std::string_view what) const;

 private:
  friend class ConfigFile;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// A parsed file and the first error met while reading it. Threads: one.
class ConfigFile {
 public:
  /// Errors: kNotFound (no such file), kInvalid (not readable as YAML; names file and line).
  static Result<ConfigFile> load(const std::string& path);
  /// The same from text; `name` stands for the path in errors.
  static Result<ConfigFile> parse(std::string_view text, const std::string& name);

  [[nodiscard]] ConfigNode root() const;
  /// The first error that any node of this file recorded.
  [[nodiscard]] Status status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  friend class ConfigNode;
};

}  // namespace sluice
