// Where the IO threads and the one Python thread that polls meet: a bounded queue for each session, served in turns. The
// lock is held for moves of pointers only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "check.hpp"
#include "hold_buffer.hpp"
#include "schema.hpp"

namespace outcry::wire {

struct Inbound {
  enum Kind : uint8_t { app = 1, numbers, logon, logout, reset, resend, slow };
  Kind kind;
  bool flag = false;        // app: PossResend; logout: clean
  int session_id = 0, epoch = 0;
  int schema = -1;          // app
  int other = 0;            // reset: old epoch; resend: io
  uint64_t number = 0;      // app: MsgSeqNum; numbers: next target; reset: old written through; resend: request id
  uint64_t begin = 0, end = 0, serial = 0;  // resend
  uint32_t text_length = 0;  // logon: peer; logout: cause
  uint64_t text_at = 0;
};

/// What one session brought in one turn of its IO thread.
struct Chunk : private Counted {
  std::vector<Inbound> items;
  std::vector<Value> values;  // of the app items, in order
  std::string text;
  uint64_t read_ns = 0;
  uint64_t place = 0;         // in the order in which chunks came into the hub
  size_t items_taken = 0, values_taken = 0;
};

/// What one session has brought and nobody has polled yet, in order. Shared by its IO thread and the hub.
struct InboundQueue : private Counted {
  explicit InboundQueue(int io_thread) : io(io_thread) {}

  const int io;
  std::atomic<size_t> unpolled{0};   // items from the moment when they are made until they are polled
  std::atomic<bool> held{false};     // its socket is not read: the poll that makes room kicks the IO thread
  std::atomic<size_t> resets{0};     // resets of numbers that are not polled yet
  Chunk* open = nullptr;             // of this turn; the IO thread's

  // The hub's, behind its lock.
  std::deque<std::unique_ptr<Chunk>> chunks;
  size_t items = 0;                  // in `chunks`
  uint64_t place = 0;                // in the hub's line; 0: nothing of it waits there
  uint64_t flood_until_ns = 0;       // until then it is a flood: more than a slice was waiting at once
  uint64_t poll_number = 0;          // the poll of which `turn` is
  size_t turn = 0;                   // items that this poll may still take
};

/// A chunk on its way into the hub.
struct Filled {
  std::shared_ptr<InboundQueue> queue;
  std::unique_ptr<Chunk> chunk;
};

struct Run {
  int session_id, epoch;
  uint64_t first_num, count, offset, length, written_through;
};

struct Outbound : private Counted {
  enum Kind : uint8_t { bytes = 101, epoch_begins, reserve };
  Kind kind;
  int io;
  uint64_t serial;
  uint64_t batch_id = 0;
  std::vector<Run> runs;
  Blob blob;
  int session_id = 0, epoch = 0;
  int64_t created_s = 0;
  uint64_t next_sender = 0, next_target = 0;  // next_sender of a reserve item: numbers up to it are reserved
};

/// The first `items` items of a chunk, which go to Python now.
struct Taken {
  std::shared_ptr<InboundQueue> queue;
  std::unique_ptr<Chunk> chunk;
  size_t items;
};

/// Chunks in the order of their sessions' turns, and all of the outbound.
struct Poll {
  std::vector<Taken> taken;
  std::vector<Outbound> outbound;
};

/// Messages of sessions, in turns: those that fit a slice go as they came; of a session with more at once (a flood)
/// a slice goes at a time, at the end of the line. While others are active, floods wait until what was staged has come
/// back and share one slice of a poll, so that a commit never waits for more than that; while none is, whole batches go.
class Hub {
 public:
  struct Bounds {
    size_t all;      // items of all sessions; then only a session with less than a slice is read
    size_t session;  // items of one session; then its socket is not read until half of them are gone
    size_t slice;    // items of a flood while others are active; also what a session may always have waiting
  };

  explicit Hub(const Bounds& bounds) : bounds_(bounds) {}

  /// From IO threads. Outbound of a turn becomes visible with or before its inbound. Both vectors are empty afterwards.
  void publish(std::vector<Filled>& filled, std::vector<Outbound>& outbound);
  /// `parts` of a batch were handed to IO threads and will come back as outbound items.
  void expect(int parts) { expected_.fetch_add(parts, std::memory_order_relaxed); }
  /// Waits until there is something, `wake()` or the end of the time. At most `batch_max` items.
  void poll(int64_t timeout_ms, size_t batch_max, Poll& result);
  /// Ends a poll: chunks of which items are left go back to the head of their queues, `on_room` is called for IO threads
  /// that wait for room.
  void polled(Poll& poll);
  void wake();
  /// From the IO thread of the session: how many messages of it may be read now. With 0, `on_room` will be called.
  size_t room(InboundQueue& queue) const;
  /// Kicks this IO thread; all of them for -1.
  std::function<void(int io)> on_room;
  size_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  using Line = std::map<uint64_t, std::shared_ptr<InboundQueue>>;

  struct Active {
    std::shared_ptr<InboundQueue> queue;
    uint64_t until_ns = 0;
  };

  bool are_others_active(uint64_t now_ns) const;
  void note_active(const std::shared_ptr<InboundQueue>& queue, uint64_t now_ns);
  bool is_holding(uint64_t now_ns) const;
  bool is_ready(uint64_t now_ns) const;
  void spin() const;
  void wait(std::unique_lock<std::mutex>& lock, int64_t timeout_ms);
  void collect(size_t batch_max, uint64_t now_ns, Poll& result);
  size_t take_front(const std::shared_ptr<InboundQueue>& queue, size_t allowed, Poll& result);
  void enter(const std::shared_ptr<InboundQueue>& queue, uint64_t place);

  const Bounds bounds_;
  std::mutex mutex_;
  std::condition_variable condition_;
  Line line_;                        // queues with chunks, by whose turn it is
  uint64_t last_place_ = 0, polls_ = 0;
  std::vector<Outbound> outbound_;
  bool woken_ = false, ready_ = false;
  bool holding_ = false;             // floods have to wait for what was staged
  Active active_[2];                 // the last two sessions that were no flood when they were polled
  uint64_t flood_taken_ns_ = 0;      // when a flood last had its turn
  std::atomic<int> expected_{0};
  std::atomic<bool> filled_{false};
  std::atomic<size_t> queued_{0};
};

}  // namespace outcry::wire
