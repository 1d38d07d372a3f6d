// FIX messages in and out, written to a file by a thread of its own. Never makes the wire wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace outcry::wire {

class MessageLog {
 public:
  ~MessageLog() { set("", 1, 1); }
  /// Starts writing to `path`, or stops with "". Throws std::invalid_argument where the file cannot be opened.
  void set(const std::string& path, int64_t bytes_max, int64_t files_max);
  bool on() const { return on_.load(std::memory_order_relaxed); }
  /// `direction` is "in", "out" or "event". Dropped and counted when the queue is full.
  void add(const char* direction, const std::string& session, std::string_view message, int64_t wall_ns);
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Line {
    int64_t wall_ns;
    const char* direction;
    std::string session, message;
  };
  void run();
  void write(Line& line);
  void rotate();

  std::atomic<bool> on_{false};
  std::atomic<uint64_t> dropped_{0};
  std::mutex mutex_, set_mutex_;
  std::condition_variable ready_;
  std::deque<Line> lines_;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
  // Owned by the thread.
  std::ofstream file_;
  std::string path_;
  int64_t bytes_ = 0, bytes_max_ = 1, files_max_ = 1;
};

/// Replaces the values of Password(554), NewPassword(925) and RawData(96) by ***.
void mask_secrets(std::string& message);

}  // namespace outcry::wire
