// Resends: a ResendRequest is taken out of QuickFIX's hands, the journal is asked for the range slice by slice, and
// QuickFIX encodes each slice from messages that are all there.
#include <algorithm>
#include <map>

#include "session_host.hpp"

namespace outcry::wire {

namespace {

// In FIX.4.2 and before QuickFIX takes this EndSeqNo(16) for "all", whatever was meant.
constexpr uint64_t infinity_of_fix42 = 999999;

uint64_t number_of(const FIX::FieldMap& map, int tag) {
  uint64_t number = 0;
  if (!parse_number(map.getField(tag), number)) throw FIX::IncorrectTagValue(tag);
  return number;
}

bool split(const Supply::Part& part, std::map<uint64_t, std::string>& messages) {
  Framer framer(part.bytes.size(), 0);
  framer.feed(part.bytes.data(), part.bytes.size());
  std::string_view message;
  for (uint64_t i = 0; i < part.count; ++i) {
    uint64_t number = 0;
    if (framer.next(message) != Framer::Result::message) return false;
    if (!parse_number(read_header(message).msg_seq_num, number) || number != part.first_num + i) return false;
    messages[number] = std::string(message);
  }
  return framer.buffered() == 0;
}

}  // namespace

// Called by Session when the request has passed its dictionary, time and CompID checks. Never returns.
void SessionHost::catch_resend(const FIX::Message& message) {
  const FIX::Header& header = message.getHeader();
  const uint64_t number = number_of(header, FIX::FIELD::MsgSeqNum);
  const bool poss_dup = header.isSetField(FIX::FIELD::PossDupFlag) && header.getField(FIX::FIELD::PossDupFlag) == "Y";
  if (number < store_.next_target) {
    if (!poss_dup)
      log_out_after_call_ = "MsgSeqNum too low, expecting " + std::to_string(store_.next_target) + " but received " +
                            std::to_string(number);
    throw NotForSession();
  }
  const uint64_t begin = number_of(message, FIX::FIELD::BeginSeqNo), last = store_.next_sender - 1;
  uint64_t end = number_of(message, FIX::FIELD::EndSeqNo);
  const bool all = end == 0 || (end == infinity_of_fix42 && spec().begin_string <= FIX::BeginString_FIX42);
  if (all || end > last) end = last;
  if (begin == 0 || begin > end) throw FIX::IncorrectTagValue(FIX::FIELD::BeginSeqNo);
  caught_ = {begin, end, number};
  throw NotForSession();
}

void SessionHost::answer_caught() {
  const auto request = caught_;
  caught_ = {};
  if (connection_) begin_resend(request.begin, request.end, request.msg_seq_num);
}

void SessionHost::begin_resend(uint64_t begin, uint64_t end, uint64_t msg_seq_num) {
  CHECK(!resend_.active && begin >= 1 && begin <= end && end < store_.next_sender);
  resend_.active = true;
  resend_.end = end;
  resend_.msg_seq_num = msg_seq_num;
  ask_slice(begin);
}

void SessionHost::ask_slice(uint64_t begin) {
  resend_.slice_begin = begin;
  resend_.slice_end = std::min(resend_.end, begin + uint64_t(context_.options.resend_slice) - 1);
  if (resend_.slice_end == infinity_of_fix42 && store_.next_sender > infinity_of_fix42 + 1) {
    ++resend_.slice_end;
    resend_.end = std::max(resend_.end, resend_.slice_end);
  }
  resend_.supplied = false;
  resend_.request_id = next_request_id_++;
  Inbound& item = emit(Inbound::resend);
  item.number = uint64_t(resend_.request_id);
  item.begin = resend_.slice_begin;
  item.end = resend_.slice_end;
  item.other = context_.io;
  item.serial = context_.outbox.serial();
}

void SessionHost::supply(Supply supply) {
  // An answer to a connection that has gone is of no use to the next one.
  if (!connection_ || !resend_.active || resend_.supplied || supply.request_id != resend_.request_id) return;
  resend_.supplied = true;
  std::map<uint64_t, std::string> messages;
  for (const Supply::Part& part : supply.parts)
    if (!split(part, messages))
      return cut("resend: messages from " + std::to_string(part.first_num) + " on are not as they were numbered");
  auto message = messages.lower_bound(resend_.slice_begin);
  for (uint64_t next = resend_.slice_begin; next <= resend_.slice_end;) {
    if (message != messages.end() && message->first == next) {
      resend_.entries.push_back({next, next, std::move(message->second)});
      ++message;
      ++next;
      continue;
    }
    uint64_t filled = message == messages.end() ? resend_.slice_end : std::min(resend_.slice_end, message->first - 1);
    const auto gap = std::find_if(supply.gaps.begin(), supply.gaps.end(),
                                  [&](const auto& range) { return range.first <= next && next <= range.second; });
    if (gap == supply.gaps.end())
      return cut("resend: message " + std::to_string(next) + " is missing from the journal");
    filled = std::min(filled, gap->second);
    resend_.entries.push_back({next, filled, {}});
    resend_.has_gaps = true;
    next = filled + 1;
  }
}

HostPump SessionHost::pump() {
  const size_t room = size_t(context_.options.resend_buffer_bytes);
  if (!connection_ || resend_.entries.empty() || connection_->hold.bytes() > room) return {resend_.active, false};
  const uint64_t begin = resend_.entries.front().begin;
  uint64_t end = 0;
  int64_t steps = context_.options.resend_step;
  std::vector<std::string>& messages = store_.slice.messages;
  messages.clear();
  while (!resend_.entries.empty() && (steps-- > 0 || end == infinity_of_fix42)) {
    ResendEntry entry = std::move(resend_.entries.front());
    resend_.entries.pop_front();
    end = entry.end;
    // Session fills what admin messages took: one at the end of a range stands for all of it.
    if (entry.bytes.empty()) encoder_.append(entry.bytes, "0", entry.end, context_.stamp.text(context_.now_ns, 0), {});
    messages.push_back(std::move(entry.bytes));
  }
  feed_resend(begin, end);
  if (!connection_) return {false, false};
  if (resend_.entries.empty()) {
    if (resend_.slice_end < resend_.end)
      ask_slice(resend_.slice_end + 1);
    else
      end_resend();
  }
  return {resend_.active, connection_ && !resend_.entries.empty() && connection_->hold.bytes() <= room};
}

void SessionHost::feed_resend(uint64_t begin, uint64_t end) {
  // The same MsgSeqNum(34) each time: the first one moves the expected number, if it was the expected one.
  const std::string body = "7=" + std::to_string(begin) + "\x01" "16=" + std::to_string(end) + "\x01";
  std::string request;
  peer_encoder_.append(request, FIX::MsgType_ResendRequest, resend_.msg_seq_num,
                       context_.stamp.text(context_.now_ns, session_->getSupportedTimestampPrecision()), body);
  store_.slice.begin = begin;
  store_.slice.end = end;
  resend_.feeding = true;
  call([&] { session_->next(request, context_.now()); });
  resend_.feeding = false;
  store_.slice.begin = store_.slice.end = 0;
  store_.slice.messages.clear();
  settle();
}

void SessionHost::end_resend() {
  // What was never stored (market data) was filled over: the peer needs a fresh picture, as after a stall.
  if (resend_.has_gaps) emit(Inbound::slow);
  resend_ = ResendState();
}

size_t SessionHost::go_on(size_t count) {
  size_t fed = 0;
  while (fed < count && has_parked()) {
    const std::string message = std::move(parked_.front());
    parked_.pop_front();
    parked_bytes_ -= message.size();
    if (read_header(message).msg_type == FIX::MsgType_ResendRequest) --parked_requests_;
    feed(message);
    ++fed;
  }
  return fed;
}

void SessionHost::park(std::string_view message) {
  parked_.emplace_back(message);
  parked_bytes_ += message.size();
  if (read_header(message).msg_type != FIX::MsgType_ResendRequest) return;
  if (++parked_requests_ > context_.options.resend_queue_max)
    cut("more than " + std::to_string(context_.options.resend_queue_max) + " ResendRequests at once");
}

}  // namespace outcry::wire
