// JSON from strangers. nlohmann's writer recurses, so that a megabyte of "[" would overflow the stack: the depth is
// bounded before anything is parsed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace sluice::gateway {

inline constexpr int kJsonDepthMax = 64;

/// Parses `text` into `object`. False, with a sentence in `error`, where it is no JSON, no object, or nested too
/// deeply.
bool parse_json_object(std::string_view text, nlohmann::json& object, std::string& error);
/// On one line; never fails.
std::string json_text(const nlohmann::json& value);

}  // namespace sluice::gateway
