#include "message_log.hpp"

#include <cstdio>
#include <stdexcept>

#include "encoder.hpp"

namespace outcry::wire {

namespace {
constexpr size_t queue_bytes_max = 16 << 20;
}

void mask_secrets(std::string& message) {
  // RawData first: its length is counted in the text as it was sent.
  for (const char* tag : {"\x01" "96=", "\x01" "554=", "\x01" "925="}) {
    const std::string pattern = tag;
    for (size_t at = message.find(pattern); at != std::string::npos; at = message.find(pattern, at)) {
      at += pattern.size();
      size_t end = message.find('\x01', at);
      if (end == std::string::npos) end = message.size();
      // RawData may hold separators: its length field says where it ends.
      if (pattern == "\x01" "96=") {
        const size_t length = message.rfind("\x01" "95=", at - pattern.size());
        if (length != std::string::npos) {
          const size_t claimed = size_t(std::strtoul(message.c_str() + length + 4, nullptr, 10));
          if (claimed < message.size() - at && at + claimed > end) end = at + claimed;
        }
      }
      message.replace(at, end - at, "***");
    }
  }
}

void MessageLog::set(const std::string& path, int64_t bytes_max, int64_t files_max) {
  const std::lock_guard<std::mutex> one_at_a_time(set_mutex_);
  if (thread_.joinable()) {
    on_ = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
    file_.close();
  }
  if (path.empty()) return;
  if (bytes_max < 1 || files_max < 1) throw std::invalid_argument("message log: bytes_max and files_max are at least 1");
  file_.open(path, std::ios::app | std::ios::binary);
  if (!file_) throw std::invalid_argument("message log: " + path + " cannot be opened");
  path_ = path;
  bytes_ = int64_t(file_.tellp());
  bytes_max_ = bytes_max;
  files_max_ = files_max;
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
  on_ = true;
}

void MessageLog::add(const char* direction, const std::string& session, std::string_view message, int64_t wall_ns) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || queued_bytes_ + message.size() > queue_bytes_max) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    queued_bytes_ += message.size();
    lines_.push_back({wall_ns, direction, session, std::string(message)});
  }
  ready_.notify_one();
}

void MessageLog::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_ || !lines_.empty()) {
    ready_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    std::deque<Line> lines;
    lines.swap(lines_);
    queued_bytes_ = 0;
    lock.unlock();
    for (Line& line : lines) write(line);
    file_.flush();
    lock.lock();
  }
}

void MessageLog::write(Line& line) {
  mask_secrets(line.message);
  for (char& c : line.message)
    if (c == '\x01') c = '|';
    else if (c == '\n' || c == '\r') c = ' ';
  TimestampFormat format;
  std::string text(format.text(line.wall_ns, 6));
  text.append(" ").append(line.session).append(" ").append(line.direction).append(" ").append(line.message).append("\n");
  if (bytes_ > 0 && bytes_ + int64_t(text.size()) > bytes_max_) rotate();
  file_ << text;
  bytes_ += int64_t(text.size());
}

// path, path.1, path.2 ... of which `files_max` stay.
void MessageLog::rotate() {
  file_.close();
  const auto name = [this](int64_t number) { return number ? path_ + "." + std::to_string(number) : path_; };
  std::remove(name(files_max_ - 1).c_str());
  for (int64_t number = files_max_ - 1; number > 0; --number) std::rename(name(number - 1).c_str(), name(number).c_str());
  file_.open(path_, std::ios::trunc | std::ios::binary);
  bytes_ = 0;
}

}  // namespace outcry::wire
