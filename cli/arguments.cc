#include "cli/arguments.h"

#include <algorithm>

#include "common/base/duration_text.h"

namespace sluice::cli {
namespace {

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what};
}

const Flag kHelp{.name = "help", .letter = 'h', .help = "what this command does"};

class Parser {
 public:
  Parser(const std::vector<Command>& commands, const std::vector<Flag>& globals)
      : commands_(commands), globals_(globals) {}

  /// As far as it can be read.
  Parsed unfinished(const std::vector<std::string>& words) {
    (void)parse(words);
    return std::move(parsed_);
  }

  Result<Parsed> parse(const std::vector<std::string>& words) {
    // The command is found first, wherever it stands: its flags may come before it.
    parsed_.command = find_command(words);
    bool flags_over = false;
    bool named = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (!flags_over && word == "--") {
        flags_over = true;
      } else if (!flags_over && word.size() > 1 && word.front() == '-') {
        const std::string* next = i + 1 < words.size() ? &words[i + 1] : nullptr;
        const Result<bool> took_next = word[1] == '-' ? long_flag(word, next) : letters(word, next);
        if (!took_next) return took_next.error();
        if (*took_next) ++i;
      } else if (!named && parsed_.command != nullptr) {
        named = true;
      } else if (parsed_.command == nullptr) {
        return wrong("unknown command \"" + word + "\" for \"kubectl rtgw\"");
      } else {
        parsed_.arguments.push_back(word);
      }
    }
    if (!parsed_.help && parsed_.command != nullptr) {
      if (const Status counted = check_count(); !counted) return counted.error();
      fill();
    }
    return parsed_;
  }

 private:
  const Command* find_command(const std::vector<std::string>& words) const {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (word == "--") return nullptr;
      if (word.size() > 1 && word.front() == '-') {
        const Flag* flag = find_flag(word, nullptr, globals_);
        const bool has_value = word.find('=') != std::string::npos || (word[1] != '-' && word.size() > 2);
        if (flag != nullptr && !flag->is_switch() && !has_value) ++i;
        continue;
      }
      const auto found =
          std::find_if(commands_.begin(), commands_.end(), [&](const Command& c) { return word == c.name; });
      return found == commands_.end() ? nullptr : &*found;
    }
    return nullptr;
  }

  Result<bool> long_flag(const std::string& word, const std::string* next) {
    const auto equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Flag* flag = find_flag("--" + name, parsed_.command, globals_);
    if (flag == nullptr) return wrong("unknown flag: --" + name);
    if (equals != std::string::npos) return take(*flag, word.substr(equals + 1), false);
    if (flag->is_switch()) return take(*flag, "true", false);
    if (next == nullptr) return wrong("flag needs an argument: --" + name);
    return take(*flag, *next, true);
  }

  /// "-A", "-Aw", "-n name", "-nname", "-n=name".
  Result<bool> letters(const std::string& word, const std::string* next) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Flag* flag = find_flag(std::string{'-', word[i]}, parsed_.command, globals_);
      if (flag == nullptr) return wrong(std::string("unknown shorthand flag: '") + word[i] + "' in " + word);
      const bool equals = i + 1 < word.size() && word[i + 1] == '=';
      if (equals) return take(*flag, word.substr(i + 2), false);
      if (flag->is_switch()) {
        if (auto taken = take(*flag, "true", false); !taken) return taken;
        continue;
      }
      if (i + 1 < word.size()) return take(*flag, word.substr(i + 1), false);
      if (next == nullptr) return wrong(std::string("flag needs an argument: '") + word[i] + "' in " + word);
      return take(*flag, *next, true);
    }
    return false;
  }

  Result<bool> take(const Flag& flag, const std::string& value, bool from_next) {
    if (flag.is_switch() && value != "true" && value != "false") {
      return wrong("invalid argument \"" + value + "\" for \"--" + flag.name + "\" flag: true or false is wanted");
    }
    if (std::string_view(flag.name) == kHelp.name) {
      parsed_.help = value == "true";
    } else {
      parsed_.flags[flag.name].push_back(value);
    }
    return from_next;
  }

  [[nodiscard]] Status check_count() const {
    const Command& command = *parsed_.command;
    const std::size_t count = parsed_.arguments.size();
    if (count < command.arguments_min) {
      return wrong(std::string(command.name) + ": " + command.arguments + " is missing");
    }
    if (count > command.arguments_max) {
      return wrong(std::string(command.name) + ": \"" + parsed_.arguments[command.arguments_max] +
                   "\" is one argument too many");
    }
    return Status::success();
  }

  /// What is not given holds its fallback.
  void fill() {
    for (const auto* flags : {&parsed_.command->flags, &globals_}) {
      for (const Flag& flag : *flags) {
        if (flag.fallback[0] != '\0') parsed_.flags.try_emplace(flag.name, std::vector<std::string>{flag.fallback});
      }
    }
  }

  const std::vector<Command>& commands_;
  const std::vector<Flag>& globals_;
  Parsed parsed_;
};

Result<std::string> named(const std::string& word, const std::vector<std::string_view>& types, const char* what) {
  const auto slash = word.find('/');
  if (slash == std::string::npos) {
    if (word.empty()) return wrong(std::string("the name of a ") + what + " is missing");
    return word;
  }
  const std::string type = word.substr(0, slash);
  const std::string name = word.substr(slash + 1);
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    return wrong("\"" + word + "\": a " + what + " is wanted, and \"" + type + "\" is something else");
  }
  if (name.empty() || name.find('/') != std::string::npos) {
    return wrong("arguments in resource/name form must have a single resource and name: \"" + word + "\"");
  }
  return name;
}

}  // namespace

bool Parsed::on(const char* flag) const {
  return text(flag) == "true";
}

std::string Parsed::text(const char* flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::string() : found->second.back();
}

std::vector<std::string> Parsed::texts(const char* flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::vector<std::string>() : found->second;
}

const Flag* find_flag(std::string_view word, const Command* command, const std::vector<Flag>& globals) {
  const bool is_long = word.substr(0, 2) == "--";
  const std::string_view name =
      is_long ? word.substr(2, word.find('=') == std::string_view::npos ? std::string_view::npos : word.find('=') - 2)
              : std::string_view();
  const char letter = !is_long && word.size() > 1 && word[0] == '-' ? word[1] : '\0';
  const auto is_it = [&](const Flag& flag) {
    return is_long ? name == flag.name : letter != 0 && letter == flag.letter;
  };
  if (command != nullptr) {
    const auto own = std::find_if(command->flags.begin(), command->flags.end(), is_it);
    if (own != command->flags.end()) return &*own;
  }
  const auto global = std::find_if(globals.begin(), globals.end(), is_it);
  if (global != globals.end()) return &*global;
  return is_it(kHelp) ? &kHelp : nullptr;
}

Result<Parsed> parse_arguments(const std::vector<std::string>& words, const std::vector<Command>& commands,
                               const std::vector<Flag>& globals) {
  return Parser(commands, globals).parse(words);
}

Parsed parse_unfinished(const std::vector<std::string>& words, const std::vector<Command>& commands,
                        const std::vector<Flag>& globals) {
  return Parser(commands, globals).unfinished(words);
}

Result<std::string> gateway_argument(const std::string& word) {
  return named(word,
               {"rtgw", "realtimegateway", "realtimegateways", "RealtimeGateway", "realtimegateway.sluice.dev",
                "realtimegateways.sluice.dev", "rtgw.sluice.dev"},
               "RealtimeGateway");
}

Result<std::string> pod_argument(const std::string& word) {
  return named(word, {"pod", "pods", "po", "Pod"}, "Pod");
}

Result<Output> output_of(const Parsed& parsed) {
  const std::string text = parsed.text("output");
  const Flag* flag = parsed.command == nullptr ? nullptr : find_flag("--output", parsed.command, {});
  const Values values = flag == nullptr ? Values::kNone : flag->values;
  if (text.empty()) return Output::kTable;
  if (text == "json") return Output::kJson;
  if (text == "yaml") return Output::kYaml;
  if (text == "wide" && values == Values::kOutputOrWide) return Output::kWide;
  if (text == "name" && values == Values::kOutputOrName) return Output::kName;
  const char* more = values == Values::kOutputOrWide ? ",wide" : values == Values::kOutputOrName ? ",name" : "";
  return wrong("unable to match a printer suitable for the output format \"" + text +
               "\", allowed formats are: json,yaml" + more);
}

Result<bool> dry_run_of(const Parsed& parsed) {
  const std::string text = parsed.text("dry-run");
  if (text.empty() || text == "none") return false;
  if (text == "server") return true;
  if (text == "client") {
    return wrong("--dry-run=client: what would come of it is the API server's to say; use --dry-run=server");
  }
  return wrong("invalid dry-run value (" + text + "). Must be \"none\" or \"server\"");
}

Result<Duration> duration_of(const Parsed& parsed, const char* flag, Duration least) {
  const auto time = parse_duration(parsed.text(flag));
  if (!time || *time < least) {
    return wrong("invalid argument \"" + parsed.text(flag) + "\" for \"--" + flag + "\" flag: a duration of at least " +
                 format_duration(least) + " is wanted");
  }
  return *time;
}

}  // namespace sluice::cli
