#include "hub.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

namespace outcry::wire {

namespace {

// Numbering a small batch takes an IO thread some microseconds; to fall asleep and be woken takes 10 and more.
constexpr auto spin_time = std::chrono::microseconds(40);
constexpr uint64_t ms = 1000000;
// A session that sent more at once than a slice is a flood for so long; one that did not counts as active for so long.
constexpr uint64_t flood_ns = 1000 * ms;
constexpr uint64_t active_ns = 1000 * ms;
// Floods wait for the commit of others at most so long: they are slowed down, never stopped.
constexpr uint64_t hold_ns_max = 2 * ms;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

bool is_flood(const InboundQueue& queue, uint64_t now_ns) { return now_ns < queue.flood_until_ns; }

}  // namespace

// --- IO threads ------------------------------------------------------------------------------------------------------

void Hub::publish(std::vector<Filled>& filled, std::vector<Outbound>& outbound) {
  if (filled.empty() && outbound.empty()) return;
  size_t items = 0;
  for (const Filled& one : filled) {
    one.queue->unpolled.fetch_add(one.chunk->items.size());
    items += one.chunk->items.size();
  }
  queued_.fetch_add(items);
  int parts = 0;
  for (const Outbound& item : outbound) parts += item.kind == Outbound::bytes && item.batch_id != 0;
  bool wakes = !outbound.empty();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Filled& one : filled) {
      InboundQueue& queue = *one.queue;
      queue.items += one.chunk->items.size();
      if (queue.items > bounds_.slice) queue.flood_until_ns = one.chunk->read_ns + flood_ns;
      wakes |= !holding_ || !is_flood(queue, one.chunk->read_ns);
      one.chunk->place = ++last_place_;
      queue.chunks.push_back(std::move(one.chunk));
      enter(one.queue, last_place_);
    }
    if (outbound_.empty())
      outbound_.swap(outbound);
    else
      std::move(outbound.begin(), outbound.end(), std::back_inserter(outbound_));
    ready_ |= wakes;
  }
  filled.clear();
  outbound.clear();
  if (parts) expected_.fetch_sub(parts, std::memory_order_relaxed);
  if (!wakes) return;
  filled_.store(true, std::memory_order_release);
  condition_.notify_one();
}

size_t Hub::room(InboundQueue& queue) const {
  if (queue.held.load()) return 0;
  const size_t unpolled = queue.unpolled.load();
  const bool full = queued_.load() >= bounds_.all;
  const size_t bound = full ? std::min(bounds_.slice, bounds_.session) : bounds_.session;
  if (unpolled < bound) return std::min(bounds_.slice, bound - unpolled);
  if (unpolled < bounds_.session) return 0;  // `polled` calls everybody while the hub is full
  queue.held.store(true);
  // What was polled before the flag was up has not seen it.
  if (queue.unpolled.load() > bounds_.session / 2) return 0;
  queue.held.store(false);
  return 1;
}

// --- the polling thread ----------------------------------------------------------------------------------------------

// A staged batch comes back at once, so that its commit need not wait for the scheduler. Without a batch on its way, or
// on a machine with one core, nothing is spun for.
void Hub::spin() const {
  static const bool several_cores = std::thread::hardware_concurrency() > 1;
  if (!several_cores || expected_.load(std::memory_order_relaxed) <= 0) return;
  const auto until = std::chrono::steady_clock::now() + spin_time;
  while (!filled_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < until) relax();
}

bool Hub::are_others_active(uint64_t now_ns) const {
  return std::any_of(std::begin(active_), std::end(active_), [&](const Active& one) {
    return now_ns < one.until_ns && !is_flood(*one.queue, now_ns);
  });
}

void Hub::note_active(const std::shared_ptr<InboundQueue>& queue, uint64_t now_ns) {
  if (active_[0].queue != queue) active_[1] = std::exchange(active_[0], {queue, 0});
  active_[0].until_ns = now_ns + active_ns;
}

bool Hub::is_holding(uint64_t now_ns) const {
  if (!are_others_active(now_ns) || now_ns >= flood_taken_ns_ + hold_ns_max) return false;
  return !outbound_.empty() || expected_.load(std::memory_order_relaxed) > 0;
}

bool Hub::is_ready(uint64_t now_ns) const {
  if (woken_ || !outbound_.empty()) return true;
  if (!holding_) return !line_.empty();
  return std::any_of(line_.begin(), line_.end(), [&](const auto& one) { return !is_flood(*one.second, now_ns); });
}

void Hub::wait(std::unique_lock<std::mutex>& lock, int64_t timeout_ms) {
  lock.unlock();
  spin();
  lock.lock();
  auto until = std::chrono::nanoseconds(timeout_ms * int64_t(ms));
  if (holding_) until = std::min(until, std::chrono::nanoseconds(hold_ns_max));
  condition_.wait_for(lock, until, [this] { return ready_; });
}

void Hub::poll(int64_t timeout_ms, size_t batch_max, Poll& result) {
  std::unique_lock<std::mutex> lock(mutex_);
  uint64_t now_ns = monotonic_ns();
  holding_ = is_holding(now_ns);
  ready_ = is_ready(now_ns);
  filled_.store(ready_, std::memory_order_relaxed);
  if (!ready_ && timeout_ms > 0) {
    wait(lock, timeout_ms);
    now_ns = monotonic_ns();
    holding_ = is_holding(now_ns);
  }
  woken_ = false;
  result.outbound.swap(outbound_);
  collect(batch_max, now_ns, result);
}

void Hub::collect(size_t batch_max, uint64_t now_ns, Poll& result) {
  if (line_.empty()) return;
  ++polls_;
  const bool others = are_others_active(now_ns);
  const size_t share = others ? bounds_.slice : std::max(bounds_.slice, batch_max / line_.size());
  size_t left = batch_max;
  size_t flood_left = holding_ ? 0 : others ? bounds_.slice : batch_max;
  std::vector<std::shared_ptr<InboundQueue>> again;  // floods that had their turn
  for (auto at = line_.begin(); at != line_.end() && left > 0;) {
    const std::shared_ptr<InboundQueue> queue = at->second;
    const bool flood = is_flood(*queue, now_ns);
    if (flood && flood_left == 0) {
      ++at;
      continue;
    }
    if (queue->poll_number != polls_) {
      queue->poll_number = polls_;
      queue->turn = share;
    }
    queue->place = 0;
    at = line_.erase(at);
    const size_t taken = take_front(queue, std::min({left, queue->turn, flood ? flood_left : left}), result);
    queue->turn -= taken;
    left -= taken;
    if (!flood) {
      note_active(queue, now_ns);
    } else {
      flood_left -= taken;
      flood_taken_ns_ = now_ns;
    }
    if (queue->chunks.empty()) continue;
    if (queue->turn == 0 || (flood && flood_left == 0)) {
      again.push_back(queue);
    } else {
      // Behind the chunks of others that came before it.
      const uint64_t place = queue->chunks.front()->place;
      enter(queue, place);
      if (at == line_.end() || place < at->first) at = line_.find(place);
    }
  }
  for (const auto& queue : again) enter(queue, ++last_place_);
}

// The chunk at the head, or as much of it as is allowed; `polled` puts the rest back.
size_t Hub::take_front(const std::shared_ptr<InboundQueue>& queue, size_t allowed, Poll& result) {
  std::unique_ptr<Chunk> chunk = std::move(queue->chunks.front());
  queue->chunks.pop_front();
  const size_t items = std::min(allowed, chunk->items.size() - chunk->items_taken);
  queue->items -= items;
  result.taken.push_back({queue, std::move(chunk), items});
  return items;
}

void Hub::enter(const std::shared_ptr<InboundQueue>& queue, uint64_t place) {
  if (queue->place != 0) return;
  queue->place = place;
  line_.emplace(place, queue);
}

void Hub::polled(Poll& poll) {
  size_t items = 0;
  for (Taken& taken : poll.taken) {
    InboundQueue& queue = *taken.queue;
    items += taken.items;
    const size_t before = queue.unpolled.fetch_sub(taken.items);
    CHECK(before >= taken.items);
    if (before - taken.items <= bounds_.session / 2 && queue.held.load() && queue.held.exchange(false)) on_room(queue.io);
    if (taken.chunk->items_taken == taken.chunk->items.size()) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t place = queue.turn == 0 || is_flood(queue, taken.chunk->read_ns) ? ++last_place_ : taken.chunk->place;
    queue.chunks.push_front(std::move(taken.chunk));
    enter(taken.queue, place);
  }
  if (items == 0) return;
  if (queued_.fetch_sub(items) >= bounds_.all) on_room(-1);
}

void Hub::wake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = ready_ = true;
  }
  filled_.store(true, std::memory_order_release);
  condition_.notify_one();
}

}  // namespace outcry::wire
