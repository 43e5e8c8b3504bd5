#include "adapter/auth/reviews.h"

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using kube::Json;

constexpr Duration kReviewTimeout{5'000};
constexpr Duration kComeAgain{1'000};
// Of the sentence with which an authorizer explains itself; ours is a line, a webhook's may be anything.
constexpr std::size_t kReasonBytesMax = 1024;

Error too_many() {
  return {ErrorCode::kUnavailable, "too many questions to the API server at a time", kComeAgain};
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  if (!list.is_array()) return out;
  for (const Json& item : list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

void set(Json& object, const char* field, const std::string& value) {
  if (!value.empty()) object[field] = value;
}

}  // namespace

Json make_access_review(const User& user, const AccessAttributes& attributes) {
  Json spec = {{"user", user.name}, {"groups", user.groups}};
  set(spec, "uid", user.uid);
  if (!user.extra.empty()) spec["extra"] = user.extra;
  if (!attributes.path.empty()) {
    spec["nonResourceAttributes"] = {{"path", attributes.path}, {"verb", attributes.verb}};
  } else {
    Json resource = {{"verb", attributes.verb}, {"resource", attributes.resource}};
    set(resource, "group", attributes.group);
    set(resource, "version", attributes.version);
    set(resource, "namespace", attributes.ns);
    set(resource, "subresource", attributes.subresource);
    set(resource, "name", attributes.name);
    spec["resourceAttributes"] = std::move(resource);
  }
  return {{"apiVersion", "authorization.k8s.io/v1"}, {"kind", "SubjectAccessReview"}, {"spec", std::move(spec)}};
}

std::optional<User> read_token_review(const Json& review) {
  if (!kube::bool_at(review, "/status/authenticated", false)) return std::nullopt;
  const Json& info = kube::at_pointer(review, "/status/user");
  User out;
  out.name = kube::text_at(info, "/username");
  if (out.name.empty()) return std::nullopt;
  out.uid = kube::text_at(info, "/uid");
  out.groups = texts(kube::at_pointer(info, "/groups"));
  const Json& extra = kube::at_pointer(info, "/extra");
  if (extra.is_object()) {
    for (const auto& [key, values] : extra.items()) out.extra[key] = texts(values);
  }
  return out;
}

Result<std::optional<User>> KubeReviews::review_token(const std::string& token) {
  const Slots::Lease slot = tokens_.take();
  if (!slot) return too_many();
  const Json review = {
      {"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", {{"token", token}}}};
  const auto answer = client_.create(kube::kTokenReviews, "", review, {.timeout = kReviewTimeout});
  if (!answer) return answer.error();
  return read_token_review(*answer);
}

Result<AccessDecision> KubeReviews::review_access(const User& user, const AccessAttributes& attributes) {
  const Slots::Lease slot = user.name == kAnonymous ? anonymous_.take() : users_.take_within(patience_);
  if (!slot) return too_many();
  const auto answer = client_.create(kube::kSubjectAccessReviews, "", make_access_review(user, attributes),
                                     {.timeout = kReviewTimeout});
  if (!answer) return answer.error();
  return AccessDecision{
      kube::bool_at(*answer, "/status/allowed", false) && !kube::bool_at(*answer, "/status/denied", false),
      kube::text_at(*answer, "/status/reason").substr(0, kReasonBytesMax)};
}

}  // namespace sluice::adapter
