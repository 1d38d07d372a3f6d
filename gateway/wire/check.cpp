#include "check.hpp"

#include <ctime>

namespace outcry::wire {

std::atomic<long> Counted::live_{0};

void check_failed(const char* condition, const char* file, int line) {
  throw CheckFailed(std::string("assertion failed: ") + condition + " at " + file + ":" + std::to_string(line));
}

static int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

int64_t wall_ns() noexcept { return read_clock(CLOCK_REALTIME); }
uint64_t monotonic_ns() noexcept { return uint64_t(read_clock(CLOCK_MONOTONIC)); }

}  // namespace outcry::wire
