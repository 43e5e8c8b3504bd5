#include "bench/loadgen/options.h"

#include <arpa/inet.h>

#include <charconv>
#include <functional>
#include <map>

#include "bench/loadgen/command.h"
#include "common/base/duration_text.h"

namespace sluice::loadgen {
namespace {

using Setter = std::function<bool(Options&, const std::string&)>;

template <typename T>
bool read_number(std::string_view text, T& value, T least, T most) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number >= least) || !(number <= most)) return false;
  value = number;
  return true;
}

bool read_duration(const std::string& text, Duration& value) {
  const auto parsed = parse_duration(text);
  if (parsed) value = *parsed;
  return parsed.has_value();
}

bool read_url(Server& server, const std::string& url) {
  constexpr std::string_view kScheme = "ws://";
  if (!url.starts_with(kScheme)) return false;
  server.host = url.substr(kScheme.size());
  if (server.host.ends_with('/')) server.host.pop_back();
  const std::size_t colon = server.host.find(':');
  if (colon == std::string::npos) return false;
  std::uint16_t port = 0;
  if (!read_number<std::uint16_t>(std::string_view(server.host).substr(colon + 1), port, 1, 65'535)) return false;
  server.address.sin_family = AF_INET;
  server.address.sin_port = htons(port);
  return inet_pton(AF_INET, server.host.substr(0, colon).c_str(), &server.address.sin_addr) == 1;
}

/// Reads each entry of "A,B" with `read`; an empty one is for `read` to refuse.
template <typename T>
bool read_list(std::vector<T>& values, const std::string& list, bool (*read)(T&, const std::string&)) {
  values.clear();
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    if (!read(values.emplace_back(), list.substr(at, comma - at))) return false;
    at = comma + 1;
  }
  return true;
}

bool read_address(in_addr& address, const std::string& text) {
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool read_path(std::string& path, const std::string& text) {
  path = text;
  return !path.empty();
}

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> kSetters = {
      {"--url", [](Options& o, const std::string& v) { return read_url(o.server, v); }},
      {"--then-url", [](Options& o, const std::string& v) { return read_list(o.then, v, read_url); }},
      {"--source", [](Options& o, const std::string& v) { return read_list(o.sources, v, read_address); }},
      {"--departures", [](Options& o, const std::string& v) { return read_path(o.departures, v); }},
      {"--clients",
       [](Options& o, const std::string& v) { return read_number<std::uint32_t>(v, o.clients, 0, kClientsMax); }},
      {"--over", [](Options& o, const std::string& v) { return read_duration(v, o.over); }},
      {"--connect-rate",
       [](Options& o, const std::string& v) { return read_number(v, o.connects_per_second, 0.1, 1e6); }},
      {"--rate", [](Options& o, const std::string& v) { return read_number(v, o.echo.per_second, 0.0, 1e3); }},
      {"--payload-bytes",
       [](Options& o, const std::string& v) {
         return read_number<std::size_t>(v, o.echo.payload_bytes, kEchoHeaderBytes, kEchoBytesMax);
       }},
      {"--deaf-rate", [](Options& o, const std::string& v) { return read_number(v, o.deaf_per_second, 0.0, 1e3); }},
      {"--deaf-share", [](Options& o, const std::string& v) { return read_number(v, o.deaf_share, 0.0, 1.0); }},
      {"--query-share", [](Options& o, const std::string& v) { return read_number(v, o.query_share, 0.0, 1.0); }},
      {"--churn-mean", [](Options& o, const std::string& v) { return read_duration(v, o.churn_mean); }},
      {"--ping-interval", [](Options& o, const std::string& v) { return read_duration(v, o.ping_interval); }},
      {"--report-interval",
       [](Options& o, const std::string& v) {
         return read_duration(v, o.report_interval) && o.report_interval >= 10ms;
       }},
      {"--seed", [](Options& o, const std::string& v) { return read_number<std::uint64_t>(v, o.seed, 0, UINT64_MAX); }},
  };
  return kSetters;
}

std::string quoted_refusal(const std::string& flag, const std::string& value) {
  std::string text = flag;
  text.append(" cannot be \"").append(value).append("\"; see --help");
  return text;
}

Error invalid(const std::string& message) {
  return {ErrorCode::kInvalid, message};
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help") {
      options.help = true;
      return options;
    }
    const std::size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const auto setter = setters().find(flag);
    if (setter == setters().end()) return invalid(flag + " is not a flag; see --help");
    const bool inlined = equals != std::string::npos;
    if (!inlined && ++i == arguments.size()) return invalid(flag + " needs a value");
    const std::string value = inlined ? argument.substr(equals + 1) : arguments[i];
    if (!setter->second(options, value)) return invalid(quoted_refusal(flag, value));
  }
  if (options.server.host.empty()) return invalid("--url is required");
  return options;
}

const char* usage() {
  return R"(sluice-loadgen --url ws://ADDRESS:PORT [flags]

Holds many WebSocket clients in one thread. Commands are read as JSON lines from stdin (its end means stop), figures are
written as JSON lines to stdout; bench/loadgen/README.md describes both.

  --url ws://ADDRESS:PORT   the gateway, by IPv4 address
  --then-url A,B,...        where clients go after their first connection, in turn (where the first one was), as a Service would
                            send them past a gateway that drains
  --source A,B,...          source addresses, used in turn
  --clients N               clients at the start (0)
  --over D                  reach them over this time (0s)
  --connect-rate R          connections opened a second at most (1000)
  --rate R                  echoes a second and client (0.3)
  --payload-bytes B         of most echoes, 32 to 70000 (64)
  --deaf-share S            share of clients that understand no hints (0.02)
  --deaf-rate R             their echoes a second (0.3)
  --query-share S           share of clients that ask for hints by ?sluice-hints=1 (0.3)
  --churn-mean D            mean life of a connection before its client closes it and comes back (0s: for ever)
  --ping-interval D         a ping on every connection so often (0s: none)
  --report-interval D       (1s)
  --departures FILE         writes a line for every hint and every end of a connection
  --seed N                  (0: from the system)
)";
}

}  // namespace sluice::loadgen
