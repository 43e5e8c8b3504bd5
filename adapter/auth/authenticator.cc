#include "adapter/auth/authenticator.h"

#include <algorithm>

#include "adapter/auth/digest.h"
#include "common/base/text.h"
#include "common/http/client.h"

namespace sluice::adapter {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string first_header(const http::ServerRequest& request, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::string_view value = request.header(name);
    if (!value.empty()) return std::string(value);
  }
  return {};
}

// Adds what every user has who has proven to be one.
User authenticated(User user) {
  if (user.name != kAnonymous && !contains(user.groups, kAuthenticatedGroup) &&
      !contains(user.groups, kUnauthenticatedGroup)) {
    user.groups.emplace_back(kAuthenticatedGroup);
  }
  return user;
}

std::string bearer_token(const http::ServerRequest& request) {
  const std::string_view value = request.header("authorization");
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return {};
  if (lower(value.substr(0, space)) != "bearer") return {};
  std::string_view token = value.substr(space + 1);
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
  return std::string(token);
}

}  // namespace

User user_of_headers(const http::ServerRequest& request, const AuthSettings& settings) {
  User out;
  out.name = first_header(request, settings.username_headers);
  out.uid = first_header(request, settings.uid_headers);
  for (const auto& [name, value] : request.headers) {
    if (contains(settings.group_headers, name) && !value.empty()) out.groups.push_back(value);
    for (const std::string& prefix : settings.extra_prefixes) {
      if (!name.starts_with(prefix)) continue;
      out.extra[http::url_decode(name.substr(prefix.size()))].push_back(value);
      break;
    }
  }
  return out;
}

Authenticator::Authenticator(Reviews& reviews, const Clock& clock)
    : reviews_(reviews), clock_(clock), tokens_(clock, kTokenLifetime, kTokensMax) {}

Status Authenticator::set_settings(AuthSettings settings) {
  auto fresh = std::make_shared<Trust>();
  auto front_proxy = CertificateTrust::from_pem(settings.request_header_ca_pem);
  if (!front_proxy) return front_proxy.error().in("requestheader-client-ca-file");
  auto clients = CertificateTrust::from_pem(settings.client_ca_pem);
  if (!clients) return clients.error().in("client-ca-file");
  fresh->front_proxy = std::move(*front_proxy);
  fresh->clients = std::move(*clients);
  fresh->settings = std::move(settings);
  const std::lock_guard lock(mutex_);
  trust_ = std::move(fresh);
  return {};
}

std::shared_ptr<const Authenticator::Trust> Authenticator::trust() const {
  const std::lock_guard lock(mutex_);
  return trust_;
}

bool Authenticator::ready() const {
  return trust() != nullptr;
}

Result<User> Authenticator::authenticate(const http::ServerRequest& request) {
  const auto trust = this->trust();
  if (trust == nullptr) {
    return Error{ErrorCode::kUnavailable,
                 std::string("the ConfigMap ") + kAuthConfigNamespace + "/" + kAuthConfigName + " was not read yet"};
  }
  const WallTime now = clock_.wall();
  std::optional<Error> refused;  // the last credential that was not valid; one that is valid makes up for it

  User named = user_of_headers(request, trust->settings);
  if (!named.name.empty()) {
    const auto proxy = trust->front_proxy.verify(request.peer_chain_der, now);
    const std::vector<std::string>& allowed = trust->settings.allowed_names;
    if (proxy && (allowed.empty() || contains(allowed, proxy->common_name))) return authenticated(std::move(named));
    // Nobody else has a reason to send these headers: whoever does is refused, whatever else it brings.
    return Error{ErrorCode::kDenied, "only the front proxy may name the user in a header"};
  }
  if (!request.peer_chain_der.empty()) {
    auto client = trust->clients.verify(request.peer_chain_der, now);
    if (client && !client->common_name.empty()) {
      return authenticated({client->common_name, "", std::move(client->organizations), {}});
    }
    refused = client ? Error{ErrorCode::kDenied, "the client's certificate names no user"} : client.error();
  }
  const std::string token = bearer_token(request);
  if (!token.empty()) return by_token(token);
  if (refused) return *refused;
  return User{kAnonymous, "", {kUnauthenticatedGroup}, {}};
}

Result<User> Authenticator::by_token(const std::string& token) {
  const std::string key = digest(token);  // the cache never holds a token
  auto known = tokens_.get(key);
  if (!known) {
    auto reviewed = reviews_.review_token(token);
    if (!reviewed) {
      const Error& error = reviewed.error();
      return Error{ErrorCode::kUnavailable, "cannot review the token: " + error.message, error.retry_after};
    }
    tokens_.put(key, *reviewed);
    known = std::move(*reviewed);
  }
  if (!known->has_value()) return Error{ErrorCode::kDenied, "the bearer token is not valid"};
  return authenticated(std::move(**known));
}

}  // namespace sluice::adapter
