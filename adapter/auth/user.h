// Who is asking. Source: authentication.k8s.io/v1 UserInfo.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace sluice::adapter {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool operator==(const User&) const = default;
};

inline constexpr const char* kAnonymous = "system:anonymous";
inline constexpr const char* kAuthenticatedGroup = "system:authenticated";
inline constexpr const char* kUnauthenticatedGroup = "system:unauthenticated";
inline constexpr const char* kMastersGroup = "system:masters";

}  // namespace sluice::adapter
