#include "common/base/process_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

namespace sluice {
namespace {

/// The segments that nobody can have written to. A page of a writable one may differ from its file.
int forget_segments(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  // The kernel's own object is no file.
  if (std::string_view(object->dlpi_name).starts_with("linux-vdso")) return 0;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    // Where it cannot be done the pages stay: that costs memory, and nothing else.
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void give_back_heap() {
  malloc_trim(0);
}

void forget_startup() {
  give_back_heap();
  dl_iterate_phdr(forget_segments, nullptr);
}

}  // namespace sluice
