#include "gateway/admin/key_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::gateway {
namespace {

Error unavailable(const std::string& path, int error) {
  return {ErrorCode::kUnavailable, path + ": " + std::strerror(error)};
}

/// Whether an error of open() says something about the file, and not about the moment.
bool is_the_files_own(int error) {
  return error == ENOENT || error == EACCES || error == EPERM || error == ELOOP || error == ENOTDIR || error == EISDIR;
}

bool is_key_file(std::string_view name) {
  constexpr std::string_view kEnding = ".pem";
  return name.size() > kEnding.size() && name.ends_with(kEnding);
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

Result<std::string> read_key_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0 && is_the_files_own(errno)) return std::string();
  if (descriptor < 0) return unavailable(path, errno);
  std::string text(kKeyFileBytesMax, '\0');
  std::size_t filled = 0;
  ssize_t count = 1;
  while (count > 0 && filled < text.size()) {
    count = ::read(descriptor, text.data() + filled, text.size() - filled);
    if (count > 0) filled += static_cast<std::size_t>(count);
    if (count < 0 && errno == EINTR) count = 1;
  }
  const int error = count < 0 ? errno : 0;
  ::close(descriptor);
  if (error != 0 && !is_the_files_own(error)) return unavailable(path, error);
  text.resize(error != 0 ? 0 : filled);
  return text;
}

}  // namespace

Result<std::vector<KeyFile>> read_key_folder(const std::string& folder) {
  const std::unique_ptr<DIR, CloseFolder> opened(::opendir(folder.c_str()));
  if (!opened) return unavailable(folder, errno);
  std::vector<KeyFile> files;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(opened.get());
    if (entry == nullptr && errno != 0) return unavailable(folder, errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (!is_key_file(name) || files.size() >= kKeyFilesMax) continue;
    Result<std::string> pem = read_key_file(folder + "/" + entry->d_name);
    if (!pem) return pem.error();
    files.push_back({std::string(name), *std::move(pem)});
  }
  std::sort(files.begin(), files.end(), [](const KeyFile& a, const KeyFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace sluice::gateway
