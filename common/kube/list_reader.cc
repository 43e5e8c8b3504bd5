#include "common/kube/list_reader.h"

#include <utility>

namespace sluice::kube {

Result<Json> read_list(std::string_view text, const std::function<void(Json)>& on_object) {
  using Event = Json::parse_event_t;
  bool in_items = false;
  // Depths: 1 the List's own members, 2 the entries of one that is an array. What is answered false is forgotten.
  const auto take = [&](int depth, Event event, Json& parsed) {
    if (depth == 1 && event == Event::key) in_items = parsed == "items";
    const bool is_entry =
        depth == 2 && (event == Event::object_end || event == Event::array_end || event == Event::value);
    if (!in_items || !is_entry) return true;
    on_object(std::move(parsed));
    return false;
  };
  Json list = Json::parse(text, take, false);
  if (!list.is_object()) return Error{ErrorCode::kUnavailable, "the answer is no JSON object"};
  list.erase("items");
  return list;
}

}  // namespace sluice::kube
