#include "store.hpp"

namespace outcry::wire {

bool Store::set(FIX::SEQNUM msg_seq_num, const std::string& message) {
  CHECK(msg_seq_num == next_sender);
  owner_.on_numbered(msg_seq_num, message);
  return true;
}

void Store::get(FIX::SEQNUM begin, FIX::SEQNUM end, std::vector<std::string>& messages) const {
  if (slice.begin == 0 || begin != slice.begin || end != slice.end)
    throw FIX::IOException("messages " + std::to_string(begin) + ".." + std::to_string(end) +
                           " were asked for, supplied were " + std::to_string(slice.begin) + ".." +
                           std::to_string(slice.end));
  messages = slice.messages;
}

void Store::reset(const FIX::UtcTimeStamp& now) {
  if (!constructed) return;
  const int64_t now_s = int64_t(now.getTimeT());
  owner_.on_store_reset(now_s);
  next_sender = 1;
  next_target = 1;
  created_s = now_s;
}

}  // namespace outcry::wire
