#include "bench/loadgen/command.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/duration_text.h"

namespace sluice::loadgen {
namespace {

using Json = nlohmann::json;

// Reads the fields of one object; the first error is kept, so that reading needs no branch a field.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("", "is not an object");
  }

  void only(std::initializer_list<const char*> names) {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) fail(name, "is not a field");
    }
  }
  [[nodiscard]] bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
  std::uint32_t integer(const char* name, std::uint32_t least, std::uint32_t most) {
    const Json& value = at(name);
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number >= least && number <= most) return static_cast<std::uint32_t>(number);
    }
    fail(name, "is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return least;
  }
  double number(const char* name, double most) {
    const Json& value = at(name);
    if (value.is_number() && value.get<double>() >= 0 && value.get<double>() <= most) return value.get<double>();
    fail(name, "is not a number from 0 to " + std::to_string(most));
    return 0;
  }
  Duration duration(const char* name) {
    const Json& value = at(name);
    if (value.is_string()) {
      if (const auto parsed = parse_duration(value.get<std::string>())) return *parsed;
    }
    fail(name, "is not a duration such as \"30s\"");
    return Duration(0);
  }
  bool boolean(const char* name) {
    const Json& value = at(name);
    if (!value.is_boolean()) fail(name, "is not true or false");
    return value.is_boolean() && value.get<bool>();
  }
  [[nodiscard]] const Json& at(const char* name) const {
    static const Json kNothing;
    return has(name) ? object_.at(name) : kNothing;
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void fail(const std::string& name, const std::string& what) {
    if (!status_.ok()) return;
    const std::string path = where_.empty() ? name : name.empty() ? where_ : where_ + "." + name;
    status_ = Error{ErrorCode::kInvalid, (path.empty() ? "the command" : path) + " " + what};
  }

  const Json& object_;
  std::string where_;
  Status status_;
};

Result<TasksCommand> parse_tasks(const Json& json) {
  Fields fields(json, "tasks");
  fields.only({"clients", "megabytes", "per_client", "for"});
  const TasksCommand command{fields.integer("clients", 1, kClientsMax), fields.integer("megabytes", 1, 256),
                             fields.integer("per_client", 1, 64), fields.duration("for")};
  if (!fields.status()) return fields.status().error();
  return command;
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return Error{ErrorCode::kInvalid, "the command is not JSON"};
  Fields fields(json, "");
  fields.only({"clients", "over", "churn_mean", "rate", "tasks", "stop"});
  Command command;
  if (fields.has("clients")) {
    command.clients = {fields.integer("clients", 0, kClientsMax), fields.has("over") ? fields.duration("over") : 0s};
  }
  if (fields.has("churn_mean")) command.churn_mean = fields.duration("churn_mean");
  if (fields.has("rate")) command.rate = fields.number("rate", 1'000);
  if (fields.has("stop")) command.stop = fields.boolean("stop");
  if (!fields.status()) return fields.status().error();
  if (fields.has("tasks")) {
    const Result<TasksCommand> tasks = parse_tasks(fields.at("tasks"));
    if (!tasks) return tasks.error();
    command.tasks = *tasks;
  }
  return command;
}

}  // namespace sluice::loadgen
