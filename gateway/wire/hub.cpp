#include "hub.hpp"

#include <chrono>
#include <iterator>
#include <thread>

namespace outcry::wire {

namespace {

// Numbering a small batch takes an IO thread some microseconds; to fall asleep and be woken takes 10 and more.
constexpr auto spin_time = std::chrono::microseconds(40);

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void Hub::publish(std::unique_ptr<Chunk> chunk, std::vector<Outbound>& outbound) {
  if (!chunk && outbound.empty()) return;
  if (chunk) queued_.fetch_add(chunk->items.size(), std::memory_order_relaxed);
  int parts = 0;
  for (const Outbound& item : outbound) parts += item.kind == Outbound::bytes && item.batch_id != 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (chunk) chunks_.push_back(std::move(chunk));
    if (outbound_.empty())
      outbound_.swap(outbound);
    else
      std::move(outbound.begin(), outbound.end(), std::back_inserter(outbound_));
  }
  outbound.clear();
  if (parts) expected_.fetch_sub(parts, std::memory_order_relaxed);
  filled_.store(true, std::memory_order_release);
  ready_.notify_one();
}

// A staged batch comes back at once, so that its commit need not wait for the scheduler. Without a batch on its way, or
// on a machine with one core, nothing is spun for.
void Hub::spin() const {
  static const bool several_cores = std::thread::hardware_concurrency() > 1;
  if (!several_cores || expected_.load(std::memory_order_relaxed) <= 0) return;
  const auto until = std::chrono::steady_clock::now() + spin_time;
  while (!filled_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < until) relax();
}

void Hub::poll(int64_t timeout_ms, size_t batch_max, Poll& result) {
  if (timeout_ms > 0) spin();
  std::unique_lock<std::mutex> lock(mutex_);
  ready_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                  [this] { return woken_ || !chunks_.empty() || !outbound_.empty(); });
  woken_ = false;
  result.outbound.swap(outbound_);
  size_t items = 0;
  while (!chunks_.empty() && items < batch_max) {
    items += chunks_.front()->items.size() - chunks_.front()->items_taken;
    result.chunks.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
  }
  filled_.store(!chunks_.empty(), std::memory_order_relaxed);
}

void Hub::give_back(std::unique_ptr<Chunk> chunk) {
  std::lock_guard<std::mutex> lock(mutex_);
  chunks_.push_front(std::move(chunk));
  filled_.store(true, std::memory_order_relaxed);
}

void Hub::taken(size_t items) {
  const size_t before = queued_.fetch_sub(items, std::memory_order_relaxed);
  if (before >= in_queue_max_ && before - items < in_queue_max_ && on_room) on_room();
}

void Hub::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  filled_.store(true, std::memory_order_release);
  ready_.notify_one();
}

}  // namespace outcry::wire
