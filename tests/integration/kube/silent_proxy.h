// For tests: a way to the API server on which connections can go silent without being closed, as where a machine or a
// network has vanished, or a program is frozen.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/kube/config.h"

namespace sluice::kube {

/// Passes bytes on between its clients and the API server of `config`. Threads: any.
class SilentProxy {
 public:
  explicit SilentProxy(const Config& config);
  ~SilentProxy();
  SilentProxy(const SilentProxy&) = delete;
  SilentProxy& operator=(const SilentProxy&) = delete;

  /// `config`, but through this proxy.
  [[nodiscard]] Config config() const;
  /// Connections that are open now swallow whatever comes from both sides, from here on. New ones work.
  void go_silent();
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  struct Connection;
  void accept_all();

  Config config_;
  std::string host_;
  std::string port_;
  int listener_ = -1;
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread accepter_;
};

}  // namespace sluice::kube
