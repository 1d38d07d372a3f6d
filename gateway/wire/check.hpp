// Assertions that release builds keep, and the count of living native objects.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace outcry::wire {

/// A defect of ours. Whoever owns the smallest thing concerned (a session, a connection) ends that thing alone.
struct CheckFailed : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

#define CHECK(condition) ((condition) ? void(0) : ::outcry::wire::check_failed(#condition, __FILE__, __LINE__))

/// Base of every class whose instances a test expects to be gone at its end.
class Counted {
 public:
  Counted() noexcept { live_.fetch_add(1, std::memory_order_relaxed); }
  Counted(const Counted&) noexcept : Counted() {}
  Counted& operator=(const Counted&) noexcept = default;
  ~Counted() { live_.fetch_sub(1, std::memory_order_relaxed); }
  static long live() noexcept { return live_.load(std::memory_order_relaxed); }

 private:
  static std::atomic<long> live_;
};

/// Nanoseconds of CLOCK_REALTIME since 1970.
int64_t wall_ns() noexcept;
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t monotonic_ns() noexcept;

}  // namespace outcry::wire
