// HTTP/1.1 answers as text: the refusals of an upgrade and the admin API's answers.
#pragma once

#include <string>
#include <string_view>

namespace sluice::gateway {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string headers;  ///< Further header lines, each ended by CRLF.
  std::string body;
  bool keep_alive = false;
};

/// "Not Found" for 404; "Unknown" for a status that this gateway never answers.
[[nodiscard]] const char* reason_phrase(int status);
/// The whole answer, head and body.
[[nodiscard]] std::string render(const HttpResponse& response);

}  // namespace sluice::gateway
