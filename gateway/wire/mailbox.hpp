// Tasks for a thread that waits in epoll: a list behind a lock, and an eventfd that wakes it.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

#include "check.hpp"

namespace outcry::wire {

class Mailbox {
 public:
  using Task = std::function<void()>;

  Mailbox() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { CHECK(event_ >= 0); }
  ~Mailbox() { ::close(event_); }
  Mailbox(const Mailbox&) = delete;

  int fd() const { return event_; }

  // Any thread.
  void kick() {
    if (kicked_.exchange(true)) return;
    const uint64_t one = 1;
    if (::write(event_, &one, sizeof one) != sizeof one) kicked_ = false;
  }
  /// False, and nothing happens, when the thread has ended.
  bool post(Task task) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (closed_) return false;
      tasks_.push_back(std::move(task));
    }
    kick();
    return true;
  }
  /// Waits until the thread has run `task`, and passes on what it throws.
  bool run(const Task& task) {
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    if (!post([task, done] {
          try {
            task();
            done->set_value();
          } catch (...) {
            done->set_exception(std::current_exception());
          }
        }))
      return false;
    future.get();
    return true;
  }

  // The thread itself.
  std::vector<Task> take() {
    uint64_t value;
    (void)!::read(event_, &value, sizeof value);
    kicked_.exchange(false);
    std::vector<Task> tasks;
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks.swap(tasks_);
    return tasks;
  }
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }

 private:
  const int event_;
  std::atomic<bool> kicked_{false};
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace outcry::wire
