// JSON as few bytes, for caches of thousands of objects: a pod that is 11 KB as a tree of nlohmann's is 0.7 KB here.
// Only ever read by the process that wrote it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/mutex.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// The names of members, each kept once. It only grows, up to kNamesMax; what does not fit stands in the object itself.
/// Threads: any.
class NameTable {
 public:
  static constexpr std::uint32_t kNamesMax = 4096;
  static constexpr std::size_t kNameBytesMax = 64;

 private:
  friend std::string pack(const Json& value, NameTable& names);
  friend Json unpack(std::string_view bytes, NameTable& names);
  friend class Packer;
  friend class Unpacker;

  Mutex mutex_;
  std::deque<std::string> names_ GUARDED_BY(mutex_);
  std::unordered_map<std::string_view, std::uint32_t> numbers_ GUARDED_BY(mutex_);  // views into names_
};

// The analysis of locks does not see that the reader's and writer's table is the one whose mutex is held.
#define SLUICE_NOT_ANALYSED SLUICE_THREAD_ANNOTATION(no_thread_safety_analysis)

/// Equal values have equal bytes, as long as the table is the same.
std::string pack(const Json& value, NameTable& names) SLUICE_NOT_ANALYSED;
/// The value again, numbers of the same kind. `bytes` come from pack() with the same table.
Json unpack(std::string_view bytes, NameTable& names) SLUICE_NOT_ANALYSED;

}  // namespace sluice::kube
