#include "gateway/admin/key_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
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
  std::vector<KeyFile> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (const std::filesystem::directory_iterator end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".pem" || files.size() >= kKeyFilesMax) continue;
    Result<std::string> pem = read_key_file(entry->path().string());
    if (!pem) return pem.error();
    files.push_back({entry->path().filename().string(), *std::move(pem)});
  }
  if (error) return unavailable(folder, error.value());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace sluice::gateway
