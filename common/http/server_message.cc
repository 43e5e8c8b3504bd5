#include "common/http/server_message.h"

#include <utility>

namespace sluice::http {
namespace {

// RFC 9110 section 15, as far as our programs answer with it; the phrase may be empty.
const char* reason_phrase(int status) {
  static constexpr std::pair<int, const char*> kPhrases[] = {
      {200, "OK"},
      {201, "Created"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {409, "Conflict"},
      {413, "Content Too Large"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {503, "Service Unavailable"},
  };
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "";
}

std::string one_line(const std::string& text) {
  std::string out = text;
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view ServerRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

ServerResponse ServerResponse::text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", {}, std::make_shared<const std::string>(std::move(body))};
}

ServerResponse ServerResponse::json(int status, std::string body) {
  return {status, "application/json", {}, std::make_shared<const std::string>(std::move(body))};
}

std::string response_head(const ServerResponse& response, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
  if (!response.content_type.empty()) out += "Content-Type: " + one_line(response.content_type) + "\r\n";
  for (const auto& [name, value] : response.headers) out += one_line(name) + ": " + one_line(value) + "\r\n";
  out += "Content-Length: " + std::to_string(response.body == nullptr ? 0 : response.body->size()) + "\r\n";
  out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return out;
}

}  // namespace sluice::http
