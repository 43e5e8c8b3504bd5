#include "gateway/websocket/http_response.h"

namespace sluice::gateway {

const char* reason_phrase(int status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 426:
      return "Upgrade Required";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

std::string render(const HttpResponse& response) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ' + reason_phrase(response.status);
  text += "\r\nContent-Type: " + response.content_type;
  text += "\r\nContent-Length: " + std::to_string(response.body.size());
  text += response.keep_alive ? "\r\n" : "\r\nConnection: close\r\n";
  text += response.headers + "\r\n" + response.body;
  return text;
}

}  // namespace sluice::gateway
