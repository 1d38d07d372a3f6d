// Where the IO threads and the one Python thread that polls meet. The lock is held for moves of pointers only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
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

/// What one IO thread read in one turn of its loop.
struct Chunk : private Counted {
  std::vector<Inbound> items;
  std::vector<Value> values;  // of the app items, in order
  std::string text;
  uint64_t read_ns = 0;
  size_t items_taken = 0, values_taken = 0;
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

/// A prefix of the inbound chunks (with at most `items` items) and all of the outbound.
struct Poll {
  std::vector<std::unique_ptr<Chunk>> chunks;
  std::vector<Outbound> outbound;
};

class Hub {
 public:
  Hub(size_t in_queue_max) : in_queue_max_(in_queue_max) {}

  /// From IO threads. Outbound of a turn becomes visible with or before its inbound.
  void publish(std::unique_ptr<Chunk> chunk, std::vector<Outbound>& outbound);
  /// `parts` of a batch were handed to IO threads and will come back as outbound items.
  void expect(int parts) { expected_.fetch_add(parts, std::memory_order_relaxed); }
  /// Waits until there is something, `wake()` or the end of the time.
  void poll(int64_t timeout_ms, size_t batch_max, Poll& result);
  /// Gives back a chunk of which items are left; it will be the first of the next poll.
  void give_back(std::unique_ptr<Chunk> chunk);
  void wake();
  /// IO threads stop reading sockets while this is false; `on_room` is called when it turns true again.
  bool has_room() const { return queued_.load(std::memory_order_relaxed) < in_queue_max_; }
  void taken(size_t items);
  std::function<void()> on_room;
  size_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  void spin() const;

  const size_t in_queue_max_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::unique_ptr<Chunk>> chunks_;
  std::vector<Outbound> outbound_;
  bool woken_ = false;
  std::atomic<int> expected_{0};
  std::atomic<bool> filled_{false};
  std::atomic<size_t> queued_{0};
};

}  // namespace outcry::wire
