#include "common/base/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/base/duration_text.h"

namespace sluice {

struct ConfigFile::Impl {
  std::string name;
  YAML::Node root;
  std::optional<Error> first_error;
};

struct ConfigNode::Impl {
  std::shared_ptr<ConfigFile::Impl> file;
  YAML::Node node;
  std::string path;  // "listen.port"; empty for the root
  bool present = false;
};

namespace {

constexpr std::int64_t kFileBytesMax = 4 << 20;

std::string place(const std::string& file, int line) {
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::string with_suffix(std::int64_t bytes) {
  for (const auto& [unit, name] : {std::pair{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}}) {
    if (bytes >= unit && bytes % unit == 0) return std::to_string(bytes / unit) + name;
  }
  return std::to_string(bytes);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t unit = 1;
  for (const auto& [name, size] :
       {std::pair<std::string_view, std::int64_t>{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}) {
    if (!text.ends_with(name)) continue;
    text.remove_suffix(name.size());
    unit = size;
    break;
  }
  const auto value = parse_integer(text);
  if (!value || *value < 0 || *value > INT64_MAX / unit) return std::nullopt;
  return *value * unit;
}

}  // namespace

bool ConfigNode::present() const {
  return impl_->present;
}
bool ConfigNode::is_map() const {
  return present() && impl_->node.IsMap();
}
bool ConfigNode::is_list() const {
  return present() && impl_->node.IsSequence();
}
bool ConfigNode::is_scalar() const {
  return present() && impl_->node.IsScalar();
}
int ConfigNode::line() const {
  return present() ? impl_->node.Mark().line + 1 : 0;
}

std::string ConfigNode::where() const {
  const std::string at = place(impl_->file->name, line());
  return impl_->path.empty() ? at : at + ": " + impl_->path;
}

void ConfigNode::fail(std::string_view what) const {
  if (impl_->file->first_error) return;
  impl_->file->first_error = Error{ErrorCode::kInvalid, where() + ": " + std::string(what)};
}

ConfigNode ConfigNode::at(std::string_view field) const {
  auto child = std::make_shared<Impl>();
  child->file = impl_->file;
  child->path = impl_->path.empty() ? std::string(field) : impl_->path + "." + std::string(field);
  if (is_map()) {
    // YAML-CPP's operator[] on a non-const node would add the field: ask through a const one.
    const YAML::Node& parent = impl_->node;
    const YAML::Node found = parent[std::string(field)];
    if (found.IsDefined() && !found.IsNull()) {
      child->node.reset(found);
      child->present = true;
    }
  } else if (present()) {
    fail("must be a map of fields");
  }
  ConfigNode node;
  node.impl_ = std::move(child);
  return node;
}

std::vector<ConfigNode> ConfigNode::items() const {
  std::vector<ConfigNode> out;
  if (!present()) return out;
  if (!is_list()) {
    fail("must be a list");
    return out;
  }
  for (std::size_t i = 0; i < impl_->node.size(); ++i) {
    auto child = std::make_shared<Impl>();
    child->file = impl_->file;
    child->path = impl_->path + "[" + std::to_string(i) + "]";
    child->node.reset(impl_->node[i]);
    child->present = !child->node.IsNull();
    ConfigNode node;
    node.impl_ = std::move(child);
    out.push_back(std::move(node));
  }
  return out;
}

std::vector<std::pair<std::string, ConfigNode>> ConfigNode::fields() const {
  std::vector<std::pair<std::string, ConfigNode>> out;
  if (!present()) return out;
  if (!is_map()) {
    fail("must be a map of fields");
    return out;
  }
  for (const auto& entry : impl_->node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    out.emplace_back(name, at(name));
  }
  return out;
}

void ConfigNode::only(std::initializer_list<std::string_view> names) const {
  if (!present()) return;
  if (!is_map()) {
    fail("must be a map of fields");
    return;
  }
  for (const auto& entry : impl_->node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string known;
    for (const std::string_view candidate : names) known += (known.empty() ? "" : ", ") + std::string(candidate);
    if (impl_->file->first_error) return;
    const std::string path = impl_->path.empty() ? name : impl_->path + "." + name;
    impl_->file->first_error = Error{ErrorCode::kInvalid, place(impl_->file->name, entry.first.Mark().line + 1) + ": " +
                                                              path + ": unknown field (known: " + known + ")"};
    return;
  }
}

std::string ConfigNode::scalar() const {
  if (is_scalar()) return impl_->node.Scalar();
  if (present()) fail("must be a single value");
  return {};
}

std::string ConfigNode::text(std::string_view field, std::string_view otherwise) const {
  const ConfigNode child = at(field);
  return child.present() ? child.scalar() : std::string(otherwise);
}

std::int64_t ConfigNode::integer(std::string_view field, std::int64_t least, std::int64_t most,
                                 std::int64_t otherwise) const {
  const ConfigNode child = at(field);
  if (!child.present()) return otherwise;
  const std::string raw = child.scalar();
  const auto value = parse_integer(raw);
  if (value && *value >= least && *value <= most) return *value;
  child.fail(quoted(raw) + " is not an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return otherwise;
}

double ConfigNode::number(std::string_view field, double least, double most, double otherwise) const {
  const ConfigNode child = at(field);
  if (!child.present()) return otherwise;
  const std::string raw = child.scalar();
  double value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error == std::errc() && end == raw.data() + raw.size() && value >= least && value <= most) return value;
  std::ostringstream range;
  range << quoted(raw) << " is not a number from " << least << " to " << most;
  child.fail(range.str());
  return otherwise;
}

bool ConfigNode::boolean(std::string_view field, bool otherwise) const {
  const ConfigNode child = at(field);
  if (!child.present()) return otherwise;
  const std::string raw = child.scalar();
  if (raw == "true" || raw == "false") return raw == "true";
  child.fail(quoted(raw) + " is neither true nor false");
  return otherwise;
}

Duration ConfigNode::duration(std::string_view field, Duration least, Duration most, Duration otherwise) const {
  const ConfigNode child = at(field);
  if (!child.present()) return otherwise;
  const std::string raw = child.scalar();
  const auto value = parse_duration(raw);
  if (value && *value >= least && *value <= most) return *value;
  child.fail(quoted(raw) + " is not a duration from " + format_duration(least) + " to " + format_duration(most) +
             " (30s, 1m30s, 250ms)");
  return otherwise;
}

std::int64_t ConfigNode::bytes(std::string_view field, std::int64_t least, std::int64_t most,
                               std::int64_t otherwise) const {
  const ConfigNode child = at(field);
  if (!child.present()) return otherwise;
  const std::string raw = child.scalar();
  const auto value = parse_bytes(raw);
  if (value && *value >= least && *value <= most) return *value;
  child.fail(quoted(raw) + " is not a size from " + with_suffix(least) + " to " + with_suffix(most) +
             " (65536, 64KiB, 1MiB)");
  return otherwise;
}

Result<ConfigFile> ConfigFile::load(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Error{ErrorCode::kNotFound, path + ": no such file, or not readable"};
  const std::int64_t size = in.tellg();
  if (size < 0) return Error{ErrorCode::kInvalid, path + ": not a regular file"};
  if (size > kFileBytesMax) return Error{ErrorCode::kInvalid, path + ": larger than 4 MiB"};
  std::string text(static_cast<std::size_t>(size), '\0');
  in.seekg(0);
  if (!in.read(text.data(), size)) return Error{ErrorCode::kInvalid, path + ": not a regular file"};
  return parse(text, path);
}

Result<ConfigFile> ConfigFile::parse(std::string_view text, const std::string& name) {
  auto impl = std::make_shared<Impl>();
  impl->name = name;
  try {
    impl->root = YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    return Error{ErrorCode::kInvalid, place(name, error.mark.line + 1) + ": not YAML: " + error.msg};
  }
  ConfigFile file;
  file.impl_ = std::move(impl);
  return file;
}

ConfigNode ConfigFile::root() const {
  auto impl = std::make_shared<ConfigNode::Impl>();
  impl->file = impl_;
  impl->node.reset(impl_->root);
  impl->present = impl_->root.IsDefined() && !impl_->root.IsNull();
  ConfigNode node;
  node.impl_ = std::move(impl);
  return node;
}

Status ConfigFile::status() const {
  if (impl_->first_error) return *impl_->first_error;
  return {};
}

}  // namespace sluice
