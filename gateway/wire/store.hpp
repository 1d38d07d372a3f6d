// The numbers of one session, as QuickFIX's Session sees them. Messages live in the journal, not here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "MessageStore.h"
#include "check.hpp"

namespace outcry::wire {

/// Who is told what Session does to its store. Owner thread: the session's IO thread.
struct StoreOwner {
  virtual ~StoreOwner() = default;
  /// A new message was numbered; it has to be journaled before anything of it leaves.
  virtual void on_numbered(uint64_t msg_seq_num, const std::string& message) = 0;
  /// Session asks for numbers to begin anew; the store has not changed yet.
  virtual void on_store_reset(int64_t now_s) = 0;
};

class Store final : public FIX::MessageStore, private Counted {
 public:
  explicit Store(StoreOwner& owner) : owner_(owner) {}

  // What the journal knows.
  int64_t created_s = 0;
  uint64_t next_sender = 1, next_target = 1;
  /// Session's constructor compares the creation time with a schedule that is not ours and resets: not yet.
  bool constructed = false;

  /// The one range that `get` may serve, and its messages; a number that may be filled is covered by an admin message.
  struct Slice {
    uint64_t begin = 0, end = 0;  // begin 0: none
    std::vector<std::string> messages;
  } slice;

  bool set(FIX::SEQNUM msg_seq_num, const std::string& message) override;
  /// Session fills silently what is left out here: so it is all of the slice or an IOException.
  void get(FIX::SEQNUM begin, FIX::SEQNUM end, std::vector<std::string>& messages) const override;
  FIX::SEQNUM getNextSenderMsgSeqNum() const override { return next_sender; }
  FIX::SEQNUM getNextTargetMsgSeqNum() const override { return next_target; }
  void setNextSenderMsgSeqNum(FIX::SEQNUM value) override { next_sender = value; }
  void setNextTargetMsgSeqNum(FIX::SEQNUM value) override { next_target = value; }
  void incrNextSenderMsgSeqNum() override { ++next_sender; }
  void incrNextTargetMsgSeqNum() override { ++next_target; }
  FIX::UtcTimeStamp getCreationTime() const override { return FIX::UtcTimeStamp(time_t(created_s)); }
  void reset(const FIX::UtcTimeStamp& now) override;
  void refresh() override {}

 private:
  StoreOwner& owner_;
};

}  // namespace outcry::wire
