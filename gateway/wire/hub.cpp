#include "hub.hpp"

#include <chrono>
#include <iterator>

namespace outcry::wire {

void Hub::publish(std::unique_ptr<Chunk> chunk, std::vector<Outbound>& outbound) {
  if (!chunk && outbound.empty()) return;
  if (chunk) queued_.fetch_add(chunk->items.size(), std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (chunk) chunks_.push_back(std::move(chunk));
    if (outbound_.empty())
      outbound_.swap(outbound);
    else
      std::move(outbound.begin(), outbound.end(), std::back_inserter(outbound_));
  }
  outbound.clear();
  ready_.notify_one();
}

void Hub::poll(int64_t timeout_ms, size_t batch_max, Poll& result) {
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
}

void Hub::give_back(std::unique_ptr<Chunk> chunk) {
  std::lock_guard<std::mutex> lock(mutex_);
  chunks_.push_front(std::move(chunk));
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
  ready_.notify_one();
}

}  // namespace outcry::wire
