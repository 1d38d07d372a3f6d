#include "session_host.hpp"

#include <algorithm>
#include <mutex>

#include "message_log.hpp"

namespace outcry::wire {

namespace {

constexpr size_t cut_kinds_max = 64;
constexpr size_t written_ranges_max = 64;
constexpr size_t resets_max = 32;  // of one session, before the first of them is polled: each is work for the journal

// The registry inside of FIX::Session has a lock that is not safe between threads.
std::mutex& registry_mutex() {
  static std::mutex mutex;
  return mutex;
}

FIX::UtcTimeStamp timestamp(int64_t wall_ns) {
  const int64_t day = wall_ns / FIX::DateTime::NANOS_PER_DAY;
  return FIX::UtcTimeStamp(FIX::DateTime(int(FIX::DateTime::JULIAN_19700101 + day), wall_ns - day * FIX::DateTime::NANOS_PER_DAY));
}

}  // namespace

Chunk& HostContext::inbound(const std::shared_ptr<InboundQueue>& queue) {
  if (!queue->open) {
    filled.push_back({queue, std::make_unique<Chunk>()});
    queue->open = filled.back().chunk.get();
    queue->open->read_ns = monotonic;
  }
  return *queue->open;
}

std::vector<Filled>& HostContext::take_filled() {
  for (const Filled& one : filled) one.queue->open = nullptr;
  return filled;
}

FIX::UtcTimeStamp HostContext::now() const { return timestamp(now_ns); }

SessionHost::SessionHost(HostContext& context, std::shared_ptr<SessionEntry> entry)
    : context_(context),
      entry_(std::move(entry)),
      terms_(entry_->terms()),
      queue_(std::make_shared<InboundQueue>(context.io)),
      name_(spec().begin_string + ":" + spec().sender_comp_id + "->" + spec().target_comp_id),
      encoder_(spec().begin_string, spec().sender_comp_id, spec().target_comp_id),
      peer_encoder_(spec().begin_string, spec().target_comp_id, spec().sender_comp_id),
      store_(*this),
      epoch_(spec().epoch),
      written_through_(spec().written_through),
      reserved_through_(spec().reserved_through),
      reported_target_(spec().next_target) {
  store_.created_s = spec().created_s ? spec().created_s : context_.now_ns / 1000000000;
  store_.next_sender = spec().next_sender;
  store_.next_target = spec().next_target;
  open();
}

SessionHost::~SessionHost() {
  const std::lock_guard<std::mutex> lock(registry_mutex());
  session_.reset();
}

// QuickFIX's Session takes its dictionaries once and for all: others are for a new one, over the same store.
void SessionHost::open() {
  const FIX::SessionID id(FIX::BeginString(spec().begin_string), FIX::SenderCompID(spec().sender_comp_id),
                          FIX::TargetCompID(spec().target_comp_id));
  const FIX::TimeRange always(FIX::UtcTimeOnly(0, 0, 0), FIX::UtcTimeOnly(0, 0, 0));
  {
    const std::lock_guard<std::mutex> lock(registry_mutex());
    store_.constructed = false;
    session_.reset();
    session_ = std::make_unique<FIX::Session>([this] { return context_.now(); }, *this, *this, id,
                                              terms_->dictionaries->provider(spec()), always, 0, this);
  }
  store_.constructed = true;
  configure();
}

void SessionHost::configure() {
  FIX::Session& session = *session_;
  const SessionSpec& spec = this->spec();
  // The schedule is ours (set_windows): QuickFIX would reset on every tick out of hours.
  session.setIsNonStopSession(true);
  session.setCheckLatency(spec.check_latency);
  session.setMaxLatency(spec.max_latency_s);
  session.setResetOnLogon(spec.reset_on_logon);
  session.setResetOnLogout(spec.reset_on_logout);
  session.setResetOnDisconnect(spec.reset_on_disconnect);
  session.setRefreshOnLogon(spec.refresh_on_logon);
  session.setSendRedundantResendRequests(spec.send_redundant_resend_requests);
  session.setSendNextExpectedMsgSeqNum(spec.send_next_expected_msg_seq_num);
  // The framer has checked both already; a second time would double the cost of parsing.
  session.setValidateLengthAndChecksum(false);
  session.setTimestampPrecision(spec.timestamp_precision);
  session.setLogonTimeout(spec.logon_timeout_s);
  session.setLogoutTimeout(spec.logout_timeout_s);
  if (spec.is_fixt()) session.setSenderDefaultApplVerID(spec.default_appl_ver_id);
}

void SessionHost::change(std::shared_ptr<const SessionTerms> terms) {
  const Dictionaries &before = *terms_->dictionaries, &after = *terms->dictionaries;
  const bool reopens = before.transport != after.transport || before.application != after.application;
  if (reopens) cut("session was changed");
  terms_ = std::move(terms);
  if (reopens)
    open();
  else
    configure();
  if (connection_) connection_->framer.validate_checksum(spec().validate_length_and_checksum);
}

// --- calls into QuickFIX ---------------------------------------------------------------------------------------------

// What callbacks found out but must not do while a Session is on the stack.
void SessionHost::settle() {
  if (!cut_after_call_.empty()) {
    const std::string cause = std::move(cut_after_call_);
    cut_after_call_.clear();
    cut(cause);
  }
  if (!log_out_after_call_.empty()) {
    const std::string text = std::move(log_out_after_call_);
    log_out_after_call_.clear();
    log_out(text);
  }
  if (store_.next_target != reported_target_) {
    emit(Inbound::numbers).number = store_.next_target;
    reported_target_ = store_.next_target;
  }
}

void SessionHost::adopt(Connection& connection, const std::string& logon) {
  CHECK(!connection_);
  connection_ = &connection;
  connection.host = this;
  connection.host_name = name_;
  connection.framer.validate_checksum(spec().validate_length_and_checksum);
  cause_.clear();
  last_event_.clear();
  logout_received_ = kill_ = slow_ = false;
  call([&] { session_->setResponder(this); });
  scratch_ = prepare_logon(logon);
  in_logon_ = true;
  if (context_.log.on()) context_.log.add("in", name_, logon, context_.now_ns);
  call([&] { session_->next(scratch_, context_.now()); });
  in_logon_ = false;
  settle();
  if (connection_ == &connection && !session_->isLoggedOn()) cut("the Logon was refused: " + last_event_);
  if (own_resend_begin_ && logged_on()) {
    const uint64_t begin = own_resend_begin_, end = store_.next_sender - 2;  // before our Logon
    own_resend_begin_ = 0;
    if (begin <= end) begin_resend(begin, end, store_.next_target - 1);
  }
  own_resend_begin_ = 0;
}

void SessionHost::cut(const std::string& cause) {
  if (!connection_) return;
  if (cause_.empty()) cause_ = cause;
  count_cut(cause);
  kill_ = true;
  call([&] { session_->disconnect(); });
  kill_ = false;
  settle();
}

void SessionHost::count_cut(const std::string& cause) {
  std::string kind;
  for (const char c : cause) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) kind += c;
    else if (kind.empty() || kind.back() != '#') kind += '#';
  }
  // Operators may write what they like.
  if (context_.cuts.size() >= cut_kinds_max && !context_.cuts.count(kind)) kind = "other";
  ++context_.cuts[kind];
}

void SessionHost::lost(const std::string& cause) {
  if (!connection_) return;
  if (cause_.empty()) cause_ = logout_received_ ? "logout" : cause;
  kill_ = true;
  call([&] { session_->disconnect(); });
  kill_ = false;
  settle();
}

void SessionHost::disconnect() {
  Connection* const connection = connection_;
  if (!connection) return;
  connection_ = nullptr;
  connection->closing = true;
  connection->close_at_ns = context_.monotonic + uint64_t(context_.options.close_timeout_ms) * 1000000;
  if (kill_) connection->dead = true;
  resend_ = ResendState();
  parked_.clear();
  parked_bytes_ = 0;
  parked_requests_ = 0;
  ahead_.clear();
  numbered_ = {};
  logout_sent_ns_ = 0;
  // A logout of ours disables the Session; whether it may log on again is the gate's decision.
  session_->logon();
  entry_->live.store(false);
}

// --- callbacks -------------------------------------------------------------------------------------------------------

void SessionHost::onEvent(const std::string& text) {
  if (text != "Disconnecting") last_event_ = text;
  if (context_.log.on()) context_.log.add("event", name_, text, context_.now_ns);
  // Session tells its queue of messages beyond a gap in no other way.
  static const std::string queued = "MsgSeqNum too high, expecting ", taken = "Processing QUEUED message: ";
  if (text.compare(0, queued.size(), queued) == 0) {
    uint64_t number = 0;
    if (parse_number(std::string_view(text).substr(text.rfind(' ') + 1), number)) ahead_.insert(number);
    if (ahead_.size() > size_t(context_.options.ahead_max))
      cut_after_call_ = "more than " + std::to_string(context_.options.ahead_max) + " messages ahead of MsgSeqNum(34) " +
                        std::to_string(store_.next_target);
  } else if (text.compare(0, taken.size(), taken) == 0) {
    uint64_t number = 0;
    if (parse_number(std::string_view(text).substr(taken.size()), number)) ahead_.erase(number);
    suspicious_ = true;  // its bytes were looked at when it came, and what was found is forgotten
  }
}

void SessionHost::onLogon(const FIX::SessionID&) {
  if (logon_reported_) return;
  logon_reported_ = true;
  set_text(emit(Inbound::logon), connection_ ? connection_->peer : std::string());
}

void SessionHost::onLogout(const FIX::SessionID&) {
  if (!logon_reported_) return;
  logon_reported_ = false;
  Inbound& item = emit(Inbound::logout);
  item.flag = logout_received_ && session_->sentLogout();
  set_text(item, !cause_.empty() ? cause_ : logout_received_ ? "logout" : last_event_);
}

void SessionHost::on_numbered(uint64_t msg_seq_num, const std::string& message) {
  Outbound& item = context_.outbox.open(0);
  numbered_ = {item.blob, item.blob->size(), message.size(), msg_seq_num, item.serial};
  item.blob->append(message);
  Outbox::extend(item, spec().session_id, epoch_, msg_seq_num, message.size(), written_through_);
}

void SessionHost::on_store_reset(int64_t now_s) {
  if (store_.next_sender == 1 && store_.next_target == 1) {
    // Nothing was numbered: the epoch goes on, only its creation time is later.
    if (store_.created_s != now_s) context_.outbox.add_epoch(spec().session_id, epoch_, now_s, 1, 1);
    return;
  }
  // A Logon with ResetSeqNumFlag(141) inside a connection: what the old epoch has not sent is sent anew by Python.
  if (in_logon_ && connection_)
    if (const HoldBuffer::Segment* begun = connection_->hold.drop_unsent())
      written(begun->epoch, begun->first_num, begun->last_num);
  Inbound& item = emit(Inbound::reset);
  item.other = epoch_;
  item.epoch = ++epoch_;
  item.number = written_through_;
  written_through_ = reserved_through_ = reserve_serial_ = 0;
  written_beyond_.clear();
  reported_target_ = 1;
  context_.outbox.add_epoch(spec().session_id, epoch_, now_s, 1, 1);
  if (queue_->resets.load() > resets_max && connection_)
    cut_after_call_ = "numbers were reset more than " + std::to_string(resets_max) + " times in a row";
}

// --- output ----------------------------------------------------------------------------------------------------------

bool SessionHost::send(const std::string& message) {
  if (!connection_) return false;
  if (context_.log.on()) context_.log.add("out", name_, message, context_.now_ns);
  ++context_.messages_out;
  if (numbered_.num && numbered_.length == message.size() &&
      numbered_.blob->compare(numbered_.offset, numbered_.length, message) == 0) {
    connection_->hold.add({numbered_.serial, numbered_.blob, numbered_.offset, numbered_.length, epoch_, numbered_.num,
                           numbered_.num});
    numbered_ = {};
  } else {
    // A retransmission, or a gap fill that stands for the numbers up to its NewSeqNo(36).
    const HeaderView header = read_header(message);
    uint64_t first = 0, next = 0;
    CHECK(parse_number(header.msg_seq_num, first));
    const bool fills = header.msg_type == FIX::MsgType_SequenceReset && parse_number(find_field(message, FIX::FIELD::NewSeqNo), next);
    connection_->hold.add_loose(message, epoch_, first, fills && next > first ? next - 1 : first, 0);
  }
  check_output_bound();
  return true;
}

void SessionHost::stage(Outbound& item, std::string_view msg_type, std::string_view body) {
  const uint64_t num = store_.next_sender;
  const size_t offset = item.blob->size();
  const std::string_view now = context_.stamp.text(context_.now_ns, session_->getSupportedTimestampPrecision());
  const size_t length = encoder_.append(*item.blob, msg_type, num, now, body);
  Outbox::extend(item, spec().session_id, epoch_, num, length, written_through_);
  state().incrNextSenderMsgSeqNum();
  CHECK(store_.next_sender == num + 1);
  if (!logged_on()) return;  // goes out by resend
  state().lastSentTime(context_.now());
  ++context_.messages_out;
  if (context_.log.on()) context_.log.add("out", name_, {item.blob->data() + offset, length}, context_.now_ns);
  connection_->hold.add({item.serial, item.blob, offset, length, epoch_, num, num});
  check_output_bound();
}

void SessionHost::publish(std::string_view msg_type, std::string_view body) {
  if (!logged_on() || session_->sentLogout()) return;
  if (slow_ || connection_->hold.bytes() > size_t(context_.options.md_bytes_max)) {
    // One message that is missing makes the peer's book wrong: nothing goes until it has caught up, see `drained`.
    ++context_.md_dropped;
    slow_ = true;
    return;
  }
  const uint64_t num = store_.next_sender;
  if (num > reserved_through_) {
    reserved_through_ = num + uint64_t(context_.options.reserve_block) - 1;
    reserve_serial_ = context_.outbox.add_reserve(spec().session_id, epoch_, reserved_through_);
  }
  scratch_.clear();
  encoder_.append(scratch_, msg_type, num, context_.stamp.text(context_.now_ns, session_->getSupportedTimestampPrecision()),
                  body);
  state().incrNextSenderMsgSeqNum();
  state().lastSentTime(context_.now());
  CHECK(store_.next_sender == num + 1);
  ++context_.messages_out;
  if (context_.log.on()) context_.log.add("out", name_, scratch_, context_.now_ns);
  connection_->hold.add_loose(scratch_, epoch_, num, num, reserve_serial_);
}

void SessionHost::drained() {
  if (!slow_ || !connection_ || connection_->hold.bytes() > size_t(context_.options.md_bytes_max) / 2) return;
  slow_ = false;
  emit(Inbound::slow);
}

void SessionHost::check_output_bound() {
  // Unsent bytes count against the peer when they are released; four times as many in all end it in any case.
  const size_t bound = size_t(context_.options.out_bytes_max);
  if (connection_->hold.bytes() <= bound || !cut_after_call_.empty()) return;
  if (connection_->hold.bytes() > 4 * bound || connection_->hold.released_bytes(context_.released) > bound)
    cut_after_call_ = "slow consumer";
}

void SessionHost::written(int epoch, uint64_t first_num, uint64_t last_num) {
  if (epoch != epoch_ || last_num <= written_through_) return;
  if (first_num > written_through_ + 1) {
    auto after = written_beyond_.upper_bound(first_num);
    if (after != written_beyond_.begin() && std::prev(after)->second + 1 >= first_num) {
      uint64_t& last = std::prev(after)->second;
      last = std::max(last, last_num);
    } else if (written_beyond_.size() < written_ranges_max) {
      // One too many is forgotten: it counts as unsent, and at worst goes out once more with PossResend(97).
      written_beyond_[first_num] = last_num;
    }
    return;
  }
  written_through_ = last_num;
  while (!written_beyond_.empty() && written_beyond_.begin()->first <= written_through_ + 1) {
    written_through_ = std::max(written_through_, written_beyond_.begin()->second);
    written_beyond_.erase(written_beyond_.begin());
  }
}

// --- helpers ---------------------------------------------------------------------------------------------------------

Inbound& SessionHost::emit(Inbound::Kind kind) {
  Chunk& chunk = inbound();
  if (kind == Inbound::reset) queue_->resets.fetch_add(1);
  chunk.items.emplace_back();
  Inbound& item = chunk.items.back();
  item.kind = kind;
  item.session_id = spec().session_id;
  item.epoch = epoch_;
  return item;
}

void SessionHost::set_text(Inbound& item, const std::string& text) {
  Chunk& chunk = inbound();
  item.text_at = chunk.text.size();
  item.text_length = uint32_t(text.size());
  chunk.text += text;
}

HostStatistics SessionHost::statistics() const {
  HostStatistics result;
  result.session_id = spec().session_id;
  result.epoch = epoch_;
  result.name = name_;
  result.connected = connection_ != nullptr;
  result.logged_on = logged_on();
  result.enabled = entry_->enabled.load();
  result.resending = resend_.active;
  result.next_sender = store_.next_sender;
  result.next_target = store_.next_target;
  result.written_through = written_through_;
  result.queued = ahead_.size();
  if (connection_) {
    result.held_bytes = connection_->hold.bytes();
    result.peer = connection_->peer;
  }
  return result;
}

}  // namespace outcry::wire
