// A session with QuickFIX's Session behind it: messages, gaps, resends, resets and cuts in any order. Numbers have no hole
// and no repeat, nothing leaves before its release, bytes that are no text never pass, and nothing throws what nobody catches.
//
// Input: one byte that chooses version and rules, then a line for each step; "|" is the separator.
#include <cstring>

#include "connection.hpp"
#include "gate.hpp"
#include "message_log.hpp"
#include "session_host.hpp"
#include "sessions.hpp"

using namespace outcry::wire;
using namespace outcry::fuzz;

namespace {

constexpr size_t steps_max = 64;
constexpr uint64_t number_max = 1000000;  // beyond, a step is not taken: a gap of such a length is one message

Options small_options() {
  Options options;
  options.ahead_max = 4;
  options.resend_slice = 3;
  options.resend_step = 2;
  options.resend_queue_max = 2;
  options.parked_bytes_max = 2000;
  options.out_bytes_max = 20000;
  options.md_bytes_max = 2000;
  options.reserve_block = 5;
  return options;
}

Schema make_schema() {
  const auto field = [](int tag, char kind) {
    FieldNode node;
    node.tag = tag;
    node.kind = kind;
    return node;
  };
  Schema schema;
  schema.add("D", {field(11, 't'), field(55, 't'), field(38, 'd'), field(60, 'u'), field(58, 't'), field(354, 'i'), field(355, 't')});
  FieldNode entries = field(267, 'g'), instruments = field(146, 'g');
  entries.fields = {field(269, 't')};
  instruments.fields = {field(55, 't')};
  schema.add("V", {field(262, 't'), field(264, 'i'), entries, instruments});
  return schema;
}

SessionSpec spec_from(uint8_t settings) {
  SessionSpec spec = spec_of(settings % version_count, settings & 64);
  spec.reset_on_logon = settings & 4;
  spec.reset_on_logout = settings & 8;
  spec.reset_on_disconnect = settings & 16;
  spec.send_next_expected_msg_seq_num = settings & 32 && spec.begin_string != "FIX.4.2";
  spec.created_s = now_s;
  return spec;
}

// What the exchange says is right: only the length of it is the input's.
std::string said(std::string_view text) {
  return "37=a\x01" "58=" + std::string(1 + text.size() % 97, 'x') + soh;
}

// The exchange's side of one session without threads and sockets: gate, IO thread, journal and the checks of all of them.
class Harness {
 public:
  explicit Harness(uint8_t settings)
      : options_(small_options()),
        schema_(make_schema()),
        outbox_(0),
        context_{options_, schema_, outbox_, log_, {}, 0, now_s * 1000000000, 1, 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, {}},
        version_(settings % version_count),
        entry_(std::make_shared<SessionEntry>(spec_from(settings), dictionaries_of(version_, settings & 64), 0)) {
    HOLDS(directory_.add(entry_));
    host_ = std::make_unique<SessionHost>(context_, entry_);
    settle();
  }

  void step(std::string_view line);

 private:
  void log_on(std::string_view body);
  void send(std::string_view text, uint64_t number);
  void raw(std::string_view body);
  void input(const std::string& bytes);
  void stage(std::string_view text);
  void supply();
  void drain();
  void operate(char what);
  void settle();
  void check_inbound(const Chunk& chunk);
  void check_outbound(const Outbound& item);
  void check_run(const Run& run, const std::string& blob);
  size_t check_value(const FieldNode& node, const Chunk& chunk, size_t at);
  SessionHost& host() { return *host_; }

  const Options options_;
  const Schema schema_;
  Outbox outbox_;
  MessageLog log_;
  HostContext context_;
  Directory directory_;
  const int version_;
  const std::shared_ptr<SessionEntry> entry_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<SessionHost> host_;
  // The peer.
  uint64_t peer_next_ = 1;
  // The journal.
  std::map<uint64_t, std::string> journal_;  // of the running epoch
  uint64_t serial_ = 0, next_sender_ = 1, reserved_ = 0;
  int epoch_ = 1;
  // What Python was told.
  int inbound_epoch_ = 1;
  uint64_t next_target_ = 1;
  Inbound resend_{};
};

// --- steps -----------------------------------------------------------------------------------------------------------

void Harness::step(std::string_view line) {
  if (line.empty()) return;
  std::string rest(line.substr(1));
  for (char& c : rest)
    if (c == '|') c = soh;
  switch (line[0]) {
    case 'l': log_on(rest); break;
    case '=': send(rest, peer_next_++); break;
    case '+': send(rest, peer_next_ + 1 + rest.size() % 3); break;
    case '-': send(rest, peer_next_ > 1 ? peer_next_ - 1 : 0); break;
    case 'm': raw(rest); break;
    case 'b': input(rest); break;
    case 's': stage(rest); break;
    case 'p': host().publish("W", said(rest)); break;
    case 'r': context_.released = serial_; break;
    case 'd': drain(); break;
    case 'g': supply(); break;
    case 'u':
      host().pump();
      host().go_on(2);
      break;
    case 't':
      context_.now_ns += std::atoi(rest.substr(0, 3).c_str()) * INT64_C(1000000000);
      context_.monotonic += uint64_t(std::atoi(rest.substr(0, 3).c_str())) * 1000000000;
      host().tick();
      break;
    case 'o': operate(rest.empty() ? 'r' : rest[0]); break;
    case 'n': peer_next_ = std::min(number_max, uint64_t(std::strtoull(rest.c_str(), nullptr, 10))); break;
  }
  settle();
}

void Harness::log_on(std::string_view body) {
  if (connection_) return;
  std::string text(body);
  if (text.empty() || text.back() != soh) text += soh;
  std::string message;
  const SessionSpec& spec = entry_->terms()->spec;
  const std::string stamp(TimestampFormat().text(context_.now_ns, 3));
  Encoder(spec.begin_string, spec.target_comp_id, spec.sender_comp_id).append(message, "A", peer_next_, stamp, text);
  std::shared_ptr<SessionEntry> entry;
  if (check_first_message(message, {"127.0.0.1", 1, false, ""}, directory_, context_.now_ns, entry).kind != GateVerdict::pass) return;
  HOLDS(entry == entry_);
  ++peer_next_;
  connection_ = std::make_unique<Connection>(Socket(), "127.0.0.1:1", options_);
  entry_->live.store(true);
  host().adopt(*connection_, message);
}

void Harness::send(std::string_view text, uint64_t number) {
  const size_t end = std::min(text.find(soh), text.size());
  std::string body(text.substr(std::min(text.size(), end + 1)));
  if (!body.empty() && body.back() != soh) body += soh;
  const SessionSpec& spec = entry_->terms()->spec;
  std::string message;
  Encoder(spec.begin_string, spec.target_comp_id, spec.sender_comp_id)
      .append(message, text.substr(0, end), number, TimestampFormat().text(context_.now_ns, 3), body);
  input(message);
}

void Harness::raw(std::string_view body) {
  std::string text = "8=" + entry_->terms()->spec.begin_string + soh + "9=" + std::to_string(body.size()) + soh;
  text += body;
  char trailer[16];
  std::snprintf(trailer, sizeof trailer, "10=%03u\x01", checksum(text.data(), text.size()));
  input(text + trailer);
}

// As IoThread::read_turn does it.
void Harness::input(const std::string& bytes) {
  if (!connection_ || connection_->closing) return;
  host().go_on(64);
  if (connection_->closing || !host().takes_input()) return;
  connection_->framer.feed(bytes.data(), bytes.size());
  std::string_view message;
  while (connection_->host && host().connection() == connection_.get()) {
    const Framer::Result result = connection_->framer.next(message);
    if (result == Framer::Result::need_more) break;
    if (result == Framer::Result::cut) {
      host().cut(connection_->framer.cause());
      break;
    }
    host().input(message);
  }
}

void Harness::stage(std::string_view text) {
  host().stage(outbox_.open(1), "8", said(text));
  host().settle();
}

void Harness::supply() {
  if (!resend_.number) return;
  Supply supply;
  supply.session_id = entry_->terms()->spec.session_id;
  supply.request_id = int(resend_.number);
  for (uint64_t number = resend_.begin; number <= resend_.end; ++number) {
    const auto found = journal_.find(number);
    if (found == journal_.end())
      supply.gaps.push_back({number, number});
    else
      supply.parts.push_back({number, 1, found->second});
  }
  resend_ = Inbound{};
  host().supply(std::move(supply));
}

// Writes what may leave, and what was released only.
void Harness::drain() {
  if (!connection_) return;
  iovec vectors[8];
  std::string out;
  HoldBuffer& hold = connection_->hold;
  const size_t before = hold.bytes(), allowed = hold.released_bytes(context_.released);
  while (const int count = hold.gather(context_.released, vectors, 8)) {
    size_t length = 0;
    for (int i = 0; i < count; ++i) {
      out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
      length += vectors[i].iov_len;
    }
    hold.consume(length, [this](int epoch, uint64_t first, uint64_t last) { host().written(epoch, first, last); });
  }
  HOLDS(out.size() == allowed && hold.bytes() == before - allowed);
  Framer framer(out.size() + 1, 0);
  framer.feed(out.data(), out.size());
  std::string_view message;
  while (framer.next(message) == Framer::Result::message) {
  }
  HOLDS(framer.buffered() == 0 && framer.cause().empty());
  if (host().connection()) host().drained();
}

void Harness::operate(char what) {
  switch (what) {
    case 'r': host().reset(); break;
    case 'o': host().log_out("bye"); break;
    case 'e': host().enable(true); break;
    case 'x': host().enable(false); break;
    case 'c': host().cut("operator"); break;
    case 'l': host().lost("the peer closed the connection"); break;
    case 'd': host().renumber(1, next_target_); break;
    case 'u': host().renumber(next_sender_ + 3, next_target_ + 2); break;
  }
}

// --- checks ----------------------------------------------------------------------------------------------------------

void Harness::settle() {
  std::vector<Filled>& filled = context_.take_filled();
  HOLDS(filled.size() <= 1);
  for (const Filled& one : filled) check_inbound(*one.chunk);
  filled.clear();
  std::vector<Outbound>& items = outbox_.take();
  for (const Outbound& item : items) check_outbound(item);
  items.clear();
  for (const auto& [cause, count] : context_.cuts) {
    if (starts_with(cause, "internal error")) std::fprintf(stderr, "%s\n", cause.c_str());
    HOLDS(!starts_with(cause, "internal error"));
  }
  const HostStatistics now = host().statistics();
  HOLDS(now.epoch == epoch_ && now.epoch == inbound_epoch_);
  HOLDS(now.next_sender == next_sender_ || now.next_sender <= reserved_ + 1);
  HOLDS(now.next_target == next_target_);
  HOLDS(now.queued <= size_t(options_.ahead_max) + 1);
  HOLDS(now.written_through < now.next_sender);
  if (connection_ && !host().connection()) connection_.reset();
}

size_t Harness::check_value(const FieldNode& node, const Chunk& chunk, size_t at) {
  HOLDS(at < chunk.values.size());
  const Value value = chunk.values[at++];
  if (value.kind == Value::text || value.kind == Value::bytes) {
    HOLDS(size_t(value.number) + value.length <= chunk.text.size());
    for (const char c : std::string_view(chunk.text).substr(size_t(value.number), value.length))
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
        HOLDS(entry_->terms()->dictionaries->is_data_field(node.tag));
  }
  for (uint32_t i = 0; value.kind == Value::group && i < value.length; ++i)
    for (const FieldNode& field : node.fields) at = check_value(field, chunk, at);
  return at;
}

void Harness::check_inbound(const Chunk& chunk) {
  size_t at = 0;
  for (const Inbound& item : chunk.items) {
    switch (item.kind) {
      case Inbound::app:
        // Session may take an admin message and then queued ones in one call: those before are used up unsaid.
        HOLDS(item.epoch == inbound_epoch_ && item.number >= next_target_);
        next_target_ = item.number + 1;
        for (const FieldNode& field : schema_.at(item.schema).fields) at = check_value(field, chunk, at);
        break;
      case Inbound::numbers:
        next_target_ = item.number;
        break;
      case Inbound::reset:
        HOLDS(item.other == inbound_epoch_ && item.epoch == inbound_epoch_ + 1);
        inbound_epoch_ = item.epoch;
        next_target_ = 1;
        host().queue().resets.fetch_sub(1);
        break;
      case Inbound::resend:
        HOLDS(item.begin >= 1 && item.begin <= item.end && item.end - item.begin < uint64_t(options_.resend_slice) + 1);
        resend_ = item;
        break;
      case Inbound::logon:
      case Inbound::logout:
        HOLDS(item.text_at + item.text_length <= chunk.text.size());
        break;
      case Inbound::slow:
        break;
    }
  }
  HOLDS(at == chunk.values.size());
}

void Harness::check_outbound(const Outbound& item) {
  HOLDS(item.serial == ++serial_);
  switch (item.kind) {
    case Outbound::bytes:
      for (const Run& run : item.runs) check_run(run, *item.blob);
      break;
    case Outbound::epoch_begins:
      HOLDS(item.epoch == epoch_ || item.epoch == epoch_ + 1);
      epoch_ = item.epoch;
      next_sender_ = item.next_sender;
      reserved_ = 0;
      journal_.clear();
      break;
    case Outbound::reserve:
      HOLDS(item.epoch == epoch_);
      reserved_ = item.next_sender;
      break;
  }
}

void Harness::check_run(const Run& run, const std::string& blob) {
  HOLDS(run.epoch == epoch_ && run.offset + run.length <= blob.size());
  HOLDS(run.first_num == next_sender_ || (run.first_num > next_sender_ && run.first_num <= reserved_ + 1));
  Framer framer(blob.size(), 0);
  framer.feed(blob.data() + run.offset, run.length);
  for (uint64_t number = run.first_num; number < run.first_num + run.count; ++number) {
    std::string_view message;
    HOLDS(framer.next(message) == Framer::Result::message);
    uint64_t said = 0;
    HOLDS(parse_number(read_header(message).msg_seq_num, said) && said == number);
    HOLDS(journal_.emplace(number, message).second);
  }
  HOLDS(framer.buffered() == 0);
  next_sender_ = run.first_num + run.count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const long living = Counted::live();
  {
    std::string_view script = text_of(data + 1, size - 1);
    const auto harness = std::make_unique<Harness>(data[0]);
    for (size_t steps = 0; !script.empty() && steps < steps_max; ++steps) {
      const size_t end = std::min(script.find('\n'), script.size());
      harness->step(script.substr(0, end));
      script.remove_prefix(std::min(script.size(), end + 1));
    }
  }
  HOLDS(Counted::live() == living);
  return 0;
}
