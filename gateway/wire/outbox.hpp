// The one ordered outbound FIFO of an IO thread: everything that the journal has to hold before it may leave.
#pragma once

#include <vector>

#include "hub.hpp"

namespace outcry::wire {

/// Owner: one IO thread. Serials run from 1 without gap.
class Outbox {
 public:
  explicit Outbox(int io) : io_(io) {}

  /// Serial of the newest item.
  uint64_t serial() const { return serial_; }

  /// The item that numbered messages of `batch_id` go into; 0: messages outside of a batch, which share an item until
  /// something else comes between them or the turn ends.
  Outbound& open(uint64_t batch_id) {
    if (batch_id == 0 && open_admin_) return items_.back();
    Outbound& item = push(Outbound::bytes);
    item.batch_id = batch_id;
    item.blob = std::make_shared<std::string>();
    open_admin_ = batch_id == 0;
    return item;
  }

  /// Accounts for a message of `length` bytes that was appended to the end of the item's blob.
  static void extend(Outbound& item, int session_id, int epoch, uint64_t num, size_t length, uint64_t written_through) {
    const uint64_t offset = item.blob->size() - length;
    if (!item.runs.empty()) {
      Run& last = item.runs.back();
      if (last.session_id == session_id && last.epoch == epoch && last.first_num + last.count == num) {
        ++last.count;
        last.length += length;
        last.written_through = written_through;
        return;
      }
    }
    item.runs.push_back({session_id, epoch, num, 1, offset, length, written_through});
  }

  void add_epoch(int session_id, int epoch, int64_t created_s, uint64_t next_sender, uint64_t next_target) {
    Outbound& item = push(Outbound::epoch_begins);
    item.session_id = session_id;
    item.epoch = epoch;
    item.created_s = created_s;
    item.next_sender = next_sender;
    item.next_target = next_target;
  }

  uint64_t add_reserve(int session_id, int epoch, uint64_t through) {
    Outbound& item = push(Outbound::reserve);
    item.session_id = session_id;
    item.epoch = epoch;
    item.next_sender = through;
    return item.serial;
  }

  /// The turn ends: what was added goes to Python. The caller publishes and empties the vector.
  std::vector<Outbound>& take() {
    open_admin_ = false;
    return items_;
  }

 private:
  Outbound& push(Outbound::Kind kind) {
    open_admin_ = false;
    items_.emplace_back();
    items_.back().kind = kind;
    items_.back().io = io_;
    items_.back().serial = ++serial_;
    return items_.back();
  }

  const int io_;
  uint64_t serial_ = 0;
  bool open_admin_ = false;
  std::vector<Outbound> items_;
};

}  // namespace outcry::wire
