#include "common/kube/exec_credential.h"

#include <algorithm>
#include <array>

#include "common/base/duration_text.h"
#include "common/base/text.h"
#include "common/kube/base64.h"
#include "common/kube/pem_check.h"
#include "common/kube/resource.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kComplaintBytesMax = 1024;
constexpr std::size_t kEnvSecretBytesMin = 4;  // "1" or "us" in an environment is no secret, and in many a sentence
/// A word of so many letters of base64 is taken for a secret: half of the shortest key that anybody issues.
constexpr std::size_t kOpaqueBytesMin = 24;
constexpr const char* kHidden = "(hidden)";

Error invalid(const std::string& what) {
  return {ErrorCode::kInvalid, what};
}

bool is_opaque_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
         c == '_' || c == '=' || c == '-' || c == '.';
}

/// A word like a key: with a digit and both cases, or one that is very long; but no path and no host name.
bool is_opaque(std::string_view word) {
  if (word.size() < kOpaqueBytesMin) return false;
  const auto has = [&](char low, char high) {
    return std::any_of(word.begin(), word.end(), [&](char c) { return c >= low && c <= high; });
  };
  if (word.starts_with("eyJ")) return true;  // a JSON Web Token
  const bool mixed = has('0', '9') && has('a', 'z') && has('A', 'Z');
  const bool plain = word.find_first_of("/.") == std::string_view::npos;
  return mixed || (plain && has('0', '9') && word.size() >= 2 * kOpaqueBytesMin);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

void replace_all(std::string& text, const std::string& what) {
  for (auto at = text.find(what); at != std::string::npos;
       at = text.find(what, at + std::string_view(kHidden).size())) {
    text.replace(at, what.size(), kHidden);
  }
}

void hide_pem(std::string& text) {
  for (auto at = text.find("-----BEGIN"); at != std::string::npos; at = text.find("-----BEGIN", at)) {
    const auto end = text.find("-----END", at);
    const auto line_end = end == std::string::npos ? end : text.find("-----", end + 8);
    text.replace(at, line_end == std::string::npos ? std::string::npos : line_end + 5 - at, kHidden);
  }
}

/// "token=abc", "\"password\": \"abc\"", "Bearer abc": the word behind the name.
void hide_named(std::string& text) {
  constexpr std::array<std::string_view, 4> kNames = {"token", "password", "secret", "bearer"};
  for (const std::string_view name : kNames) {
    std::string low = lower(text);
    for (auto at = low.find(name); at != std::string::npos; at = low.find(name, at)) {
      const auto after = at + name.size();
      const auto value = std::min(text.find_first_not_of("\"' :=", after), text.size());
      const bool assigned = text.substr(after, value - after).find_first_of(":=") != std::string::npos;
      at = after;
      if (!assigned && name != "bearer") continue;
      const auto end = std::min(text.find_first_of(" \"',;}", value), text.size());
      text.replace(value, end - value, kHidden);
      low = lower(text);
      at = value;
    }
  }
}

void hide_opaque(std::string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    if (!is_opaque_letter(text[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < text.size() && is_opaque_letter(text[end])) ++end;
    if (is_opaque(std::string_view(text).substr(begin, end - begin))) {
      text.replace(begin, end - begin, kHidden);
      end = begin + std::string_view(kHidden).size();
    }
    begin = end;
  }
}

}  // namespace

std::string exec_info(const ExecPlugin& plugin, const Config& cluster, bool interactive) {
  Json spec{{"interactive", interactive}};
  if (plugin.provide_cluster_info) {
    Json about{{"server", cluster.server}};
    if (!cluster.tls.ca_pem.empty()) about["certificate-authority-data"] = base64_encode(cluster.tls.ca_pem);
    if (!cluster.tls.server_name.empty()) about["tls-server-name"] = cluster.tls.server_name;
    if (cluster.tls.insecure_skip_verify) about["insecure-skip-tls-verify"] = true;
    if (!cluster.proxy_url.empty()) about["proxy-url"] = cluster.proxy_url;
    if (!plugin.cluster_config.empty()) about["config"] = Json::parse(plugin.cluster_config, nullptr, false);
    spec["cluster"] = std::move(about);
  }
  const Json info{{"kind", "ExecCredential"}, {"apiVersion", plugin.api_version}, {"spec", std::move(spec)}};
  return info.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ExecCredential> parse_exec_credential(std::string_view text, std::string_view api_version) {
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return invalid("it did not answer with a JSON object");
  if (text_at(answer, "/kind") != "ExecCredential") return invalid("its answer is no ExecCredential");
  if (text_at(answer, "/apiVersion") != api_version) {
    return invalid("its answer is of another version than " + std::string(api_version));
  }
  if (!at_pointer(answer, "/status").is_object()) return invalid("its answer has no status");
  ExecCredential out{.token = text_at(answer, "/status/token"),
                     .cert_pem = text_at(answer, "/status/clientCertificateData"),
                     .key_pem = text_at(answer, "/status/clientKeyData"),
                     .expires = std::nullopt};
  if (out.cert_pem.empty() != out.key_pem.empty()) {
    return invalid("it answered with a certificate or a key, not with both");
  }
  if (out.token.empty() && out.cert_pem.empty()) return invalid("it answered with neither a token nor a certificate");
  // In a header these would end it, or begin another one.
  if (std::any_of(out.token.begin(), out.token.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20; })) {
    return invalid("its token holds blanks or control characters");
  }
  if (!out.cert_pem.empty() && (!holds_certificates(out.cert_pem) || !key_fits(out.cert_pem, out.key_pem))) {
    return invalid("its certificate and key are not PEM or do not belong together");
  }
  const Json& expires = at_pointer(answer, "/status/expirationTimestamp");
  if (expires.is_null()) return out;
  out.expires = expires.is_string() ? parse_rfc3339(expires.get_ref<const std::string&>()) : std::nullopt;
  if (!out.expires) return invalid("its expirationTimestamp is no time as RFC 3339 has it");
  return out;
}

std::string without_secrets(std::string_view complaint, const ExecPlugin& plugin) {
  std::string text = one_line(complaint);
  for (const auto& [name, value] : plugin.env) {
    if (value.size() >= kEnvSecretBytesMin) replace_all(text, one_line(value));
  }
  hide_pem(text);
  hide_named(text);
  hide_opaque(text);
  text = std::string(trim(text));
  if (text.size() > kComplaintBytesMax) text = "..." + text.substr(text.size() - kComplaintBytesMax + 3);
  return text;
}

}  // namespace sluice::kube
