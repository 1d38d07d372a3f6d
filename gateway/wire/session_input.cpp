// What comes in for a session: messages of the peer, operators' acts, time.
#include <algorithm>

#include "message_log.hpp"
#include "session_host.hpp"

namespace outcry::wire {

namespace {

constexpr size_t reject_text_max = 200;
constexpr uint64_t pause_ns_max = 1000000000;

// Bytes that only data fields may hold. Separators are not counted: the framer has dealt with them.
bool is_unusual(unsigned char c) { return c >= 0x80 || c < 0x20 || c == 0x7f; }

bool has_unusual(std::string_view text) {
  unsigned found = 0;
  for (const char c : text) found |= unsigned(is_unusual(static_cast<unsigned char>(c)) && c != '\x01');
  return found != 0;
}

std::string printable(std::string_view text) {
  std::string result(text.substr(0, reject_text_max));
  for (char& c : result)
    if (is_unusual(static_cast<unsigned char>(c))) c = '?';
  return result;
}

void check_fields(const FIX::FieldMap& map, const Dictionaries& dictionaries) {
  for (const FIX::FieldBase& field : map)
    for (const char c : field.getString())
      if (is_unusual(static_cast<unsigned char>(c)) && !dictionaries.is_data_field(field.getTag()))
        throw FIX::IncorrectDataFormat(field.getTag(), "a byte that only data fields may hold");
  for (const auto& group : map.groups())
    for (const FIX::FieldMap* entry : group.second) check_fields(*entry, dictionaries);
}

}  // namespace

void SessionHost::input(std::string_view message) {
  if (resend_.active || !parked_.empty())
    park(message);
  else
    feed(message);
}

bool SessionHost::takes_input() const {
  return parked_.empty() || (resend_.active && parked_bytes_ < size_t(context_.options.parked_bytes_max));
}

void SessionHost::pace(int64_t microseconds) {
  // Pauses add up: what was read before the first of them brings about further ones.
  const uint64_t begin = std::max(paced_until_ns_, context_.monotonic);
  paced_until_ns_ = std::min(begin + uint64_t(microseconds) * 1000, context_.monotonic + pause_ns_max);
  if (!context_.next_pace_ns || paced_until_ns_ < context_.next_pace_ns) context_.next_pace_ns = paced_until_ns_;
}

// QuickFIX measures the peer's silence by what it was given.
void SessionHost::keep_alive() {
  if (!connection_ || resend_.active) return;  // a resend that the peer does not take has its time limit
  state().lastReceivedTime(context_.now());
  state().testRequest(0);
}

void SessionHost::feed(std::string_view message) {
  ++context_.messages_in;
  if (context_.log.on()) context_.log.add("in", name_, message, context_.now_ns);
  const HeaderView header = read_header(message);
  uint64_t number = 0;
  if (!parse_number(header.msg_seq_num, number)) {
    // QuickFIX ignores it without a word; FIX asks for a Logout.
    log_out("MsgSeqNum(34) is missing or not a number");
    return settle();
  }
  if (has_unusual(header.msg_type)) {
    refuse_malformed(message, "MsgType(35) has bytes that are not text");
    return settle();
  }
  if (const char* fault = header.msg_type == "A" ? second_logon_fault(message) : nullptr) {
    log_out(fault);
    return settle();
  }
  suspicious_ = has_unusual(message);
  in_logon_ = header.msg_type == "A";
  scratch_.assign(message);
  const bool whole = call([&] { session_->next(scratch_, context_.now()); });
  in_logon_ = false;
  if (!whole) refuse_malformed(message, last_event_);
  if (caught_.begin) answer_caught();
  settle();
}

// A Logon in a session that is logged on resets its numbers. The gate has let the peer in with the terms of the first
// one; a later one keeps to their bounds, and changes no password, as nobody looks at it.
const char* SessionHost::second_logon_fault(std::string_view message) const {
  uint64_t sum = 0, interval = 0;
  const bool is_whole = parse_number(message.substr(message.size() - 4, 3), sum) &&
                        sum == checksum(message.data(), message.size() - 7);
  if (!logged_on() || (spec().validate_length_and_checksum && !is_whole)) return nullptr;  // QuickFIX says the rest
  if (!parse_number(find_field(message, FIX::FIELD::HeartBtInt), interval) ||
      int64_t(interval) < spec().heart_bt_int_min || int64_t(interval) > spec().heart_bt_int_max)
    return "HeartBtInt(108) is out of bounds";
  if (find_field(message, FIX::FIELD::NewPassword).data())
    return "NewPassword(925) is taken with the first Logon of a connection only";
  return nullptr;
}

// Well framed, but QuickFIX cannot read it and would say nothing: then the next message shows a gap, the peer sends the
// same again, and so on for ever. It is answered and its number is used up.
void SessionHost::refuse_malformed(std::string_view message, const std::string& what) {
  if (!connection_) return;
  if (!session_->isLoggedOn()) return cut("malformed message before logon");
  ++context_.garbled;
  const HeaderView header = read_header(message);
  uint64_t number = 0;
  if (!parse_number(header.msg_seq_num, number) || number != store_.next_target) return;
  FIX::Message reject;
  reject.getHeader().setField(FIX::MsgType(FIX::MsgType_Reject));
  reject.setField(FIX::RefSeqNum(number));
  if (!header.msg_type.empty() && !has_unusual(header.msg_type))
    reject.setField(FIX::RefMsgType(std::string(header.msg_type)));
  reject.setField(FIX::Text(printable(what)));
  call([&] {
    state().incrNextTargetMsgSeqNum();
    session_->send(reject);
  });
}

// A peer may say in its Logon which number it expects. Session would load and send all of the range at once from there:
// the field is taken out, and the range goes the way of every other resend.
std::string SessionHost::prepare_logon(const std::string& logon) {
  own_resend_begin_ = 0;
  const std::string_view field = find_field(logon, FIX::FIELD::NextExpectedMsgSeqNum);
  uint64_t next = 0;
  if (!field.data() || !parse_number(field, next)) return logon;
  const bool resets = spec().reset_on_logon || find_field(logon, FIX::FIELD::ResetSeqNumFlag) == "Y";
  if (next >= (resets ? 1 : store_.next_sender)) return logon;
  own_resend_begin_ = std::max<uint64_t>(next, 1);
  const size_t start = size_t(field.data() - logon.data()) - 4, end = start + 4 + field.size() + 1;
  CHECK(logon.compare(start, 4, "789=") == 0);
  return logon.substr(0, start) + logon.substr(end);
}

void SessionHost::check_text(const FIX::Message& message) const {
  if (!suspicious_) return;
  const Dictionaries& dictionaries = *terms_->dictionaries;
  check_fields(message.getHeader(), dictionaries);
  check_fields(message, dictionaries);
  check_fields(message.getTrailer(), dictionaries);
}

void SessionHost::fromAdmin(const FIX::Message& message, const FIX::SessionID&) {
  if (resend_.feeding) return;
  check_text(message);
  const std::string& msg_type = message.getHeader().getField(FIX::FIELD::MsgType);
  if (msg_type == FIX::MsgType_Logout) logout_received_ = true;
  if (msg_type == FIX::MsgType_ResendRequest) catch_resend(message);
}

void SessionHost::fromApp(const FIX::Message& message, const FIX::SessionID&) {
  check_text(message);
  const FIX::Header& header = message.getHeader();
  // Another version than the session's would have passed the dictionary unseen.
  if (terms_->dictionaries->fixt && header.isSetField(FIX::FIELD::ApplVerID) &&
      header.getField(FIX::FIELD::ApplVerID) != spec().default_appl_ver_id)
    throw FIX::IncorrectTagValue(FIX::FIELD::ApplVerID);
  const int index = context_.schema.find(header.getField(FIX::FIELD::MsgType));
  if (index < 0) throw FIX::UnsupportedMessageType();
  const uint64_t number = store_.next_target;
  Inbound& item = emit(Inbound::app);
  item.schema = index;
  item.number = number;
  item.flag = header.isSetField(FIX::FIELD::PossResend) && header.getField(FIX::FIELD::PossResend) == "Y";
  Chunk& chunk = inbound();
  extract(context_.schema.at(index), message, chunk.values, chunk.text);
  reported_target_ = number + 1;
}

// --- operators' acts and time ----------------------------------------------------------------------------------------

void SessionHost::tick() {
  apply_windows();
  if (!connection_) return;
  call([&] { session_->next(context_.now()); });
  settle();
  // QuickFIX forgets the time limit of a Logout where HeartBtInt(108) is 0.
  if (!connection_ || !session_->sentLogout()) return;
  if (!logout_sent_ns_) logout_sent_ns_ = context_.monotonic;
  if (context_.monotonic - logout_sent_ns_ > uint64_t(spec().logout_timeout_s + 1) * 1000000000) cut("no answer to Logout");
}

void SessionHost::log_out(const std::string& text) {
  if (!connection_) return;
  if (!session_->isLoggedOn()) return cut(text);
  if (cause_.empty()) cause_ = text;
  session_->logout(text);
  call([&] { session_->next(context_.now()); });
  settle();
}

void SessionHost::enable(bool enabled) {
  entry_->enabled.store(enabled);
  if (!enabled) log_out("session is disabled");
}

void SessionHost::reset() {
  if (logged_on()) {
    if (cause_.empty()) cause_ = "session was reset";
    call([&] { session_->reset(); });
  } else {
    cut("session was reset");
    call([&] { state().reset(context_.now()); });
  }
  settle();
}

void SessionHost::renumber(uint64_t next_sender, uint64_t next_target) {
  cut("session was renumbered");
  if (next_sender < store_.next_sender || next_target < store_.next_target) {
    // Numbers that were used already, by us or by the peer: they can only be used again in an epoch of their own.
    Inbound& item = emit(Inbound::reset);
    item.other = epoch_;
    item.epoch = ++epoch_;
    item.number = written_through_;
    written_through_ = next_sender - 1;  // nothing of this epoch is below
    reserved_through_ = 0;
    written_beyond_.clear();
  }
  reserve_serial_ = 0;
  store_.next_sender = next_sender;
  store_.next_target = next_target;
  context_.outbox.add_epoch(spec().session_id, epoch_, store_.created_s, next_sender, next_target);
  reported_target_ = next_target;
  emit(Inbound::numbers).number = next_target;
}

void SessionHost::set_windows(Windows session, Windows logon) {
  session_windows_ = std::move(session);
  logon_windows_ = std::move(logon);
  apply_windows();
}

void SessionHost::apply_windows() {
  const int64_t now_s = context_.now_ns / 1000000000;
  if (!session_windows_.empty()) {
    const Window* const window = window_at(session_windows_, now_s);
    int64_t valid_from = window ? window->first : 0;
    // Out of hours the last window that ended ends its numbers too; once, because the new creation time is later.
    if (!window)
      for (const Window& past : session_windows_)
        if (past.second <= now_s) valid_from = std::max(valid_from, past.second);
    if (store_.created_s < valid_from) {
      if (cause_.empty()) cause_ = "the session's time is over";
      reset();
    }
  }
  if (logged_on() && !session_->sentLogout() && !logon_windows_.empty() && !window_at(logon_windows_, now_s))
    log_out("the time for logons is over");
}

}  // namespace outcry::wire
