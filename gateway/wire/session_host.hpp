// One FIX::Session with everything that it touches: numbers, connection, resend, events. All calls into the Session
// happen on the session's IO thread, each inside a catch-all that ends at most this session's connection.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "Application.h"
#include "Log.h"
#include "Responder.h"
#include "Session.h"
#include "connection.hpp"
#include "directory.hpp"
#include "encoder.hpp"
#include "outbox.hpp"
#include "store.hpp"

namespace outcry::wire {

class MessageLog;

/// Leaves FIX::Session when a message is not for it after all: none of its catch clauses knows this type.
struct NotForSession {};

/// What a host needs of its IO thread.
struct HostContext {
  const Options& options;
  const Schema& schema;
  Outbox& outbox;
  MessageLog& log;
  TimestampFormat stamp;
  int io = 0;
  int64_t now_ns = 0;                  // wall clock, read once a turn and before each piece of input
  uint64_t monotonic = 0;
  uint64_t released = 0;               // serials up to it may leave
  uint64_t next_pace_ns = 0;           // when the first session that is paced is read again; 0: none is
  std::vector<Filled> filled;          // inbound of this turn, a chunk for each session
  uint64_t messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0;
  uint64_t garbled = 0, md_dropped = 0, staged_unknown = 0;
  std::map<std::string, uint64_t> cuts;

  Chunk& inbound(const std::shared_ptr<InboundQueue>& queue);
  /// The turn ends: its inbound goes to Python. The caller publishes and empties the vector.
  std::vector<Filled>& take_filled();
  FIX::UtcTimeStamp now() const;
};

/// One message that was asked for again, or a range that is filled.
struct ResendEntry {
  uint64_t begin, end;
  std::string bytes;  // of message begin == end; empty: fill begin..end
};

struct ResendState {
  bool active = false;
  bool feeding = false;                // a slice goes through QuickFIX right now
  bool has_gaps = false;               // numbers of messages that were never stored were filled over
  int request_id = 0;
  uint64_t end = 0;                    // of the whole request
  uint64_t slice_begin = 0, slice_end = 0;
  bool supplied = false;
  uint64_t msg_seq_num = 0;            // of the ResendRequest
  std::deque<ResendEntry> entries;     // of the slice, not encoded yet
};

/// What a step of a resend leaves: `active`, a resend is under way; `more`, there is another step to do at once.
struct HostPump {
  bool active, more;
};

/// Bytes of the journal for a resend.
struct Supply {
  struct Part {
    uint64_t first_num, count;
    std::string bytes;
  };
  int session_id = 0, request_id = 0;
  std::vector<Part> parts;
  std::vector<std::pair<uint64_t, uint64_t>> gaps;
};

struct HostStatistics {
  int session_id = 0, epoch = 0;
  std::string name, peer;
  bool connected = false, logged_on = false, enabled = false, resending = false;
  uint64_t next_sender = 0, next_target = 0, held_bytes = 0, queued = 0, written_through = 0;
};

class SessionHost final : public FIX::Application,
                          public FIX::Responder,
                          public FIX::MessageStoreFactory,
                          public FIX::LogFactory,
                          public FIX::Log,
                          public StoreOwner,
                          private Counted {
 public:
  SessionHost(HostContext& context, std::shared_ptr<SessionEntry> entry);
  ~SessionHost() override;

  // Connections and input.
  void adopt(Connection& connection, const std::string& logon);
  void input(std::string_view message);
  void lost(const std::string& cause);            // the peer closed, or the socket failed
  void cut(const std::string& cause);             // we end the connection now
  bool takes_input() const;                       // false: leave further bytes in the socket
  /// Takes up what waited behind a resend that is over, at most `count` messages; returns how many.
  size_t go_on(size_t count);
  bool has_parked() const { return !resend_.active && !parked_.empty(); }
  /// Input that has come is not read yet: its peer is not silent.
  void keep_alive();
  /// Leaves further input where it is for that long: a flood that is refused takes no more of what the others share.
  void pace(int64_t microseconds);
  uint64_t paced_until_ns() const { return paced_until_ns_; }
  bool is_paced() const { return context_.monotonic < paced_until_ns_; }
  InboundQueue& queue() { return *queue_; }
  Connection* connection() const { return connection_; }

  // Output.
  bool logged_on() const { return connection_ && session_->isLoggedOn(); }
  void stage(Outbound& item, std::string_view msg_type, std::string_view body);
  void publish(std::string_view msg_type, std::string_view body);
  void written(int epoch, uint64_t first_num, uint64_t last_num);
  /// Output was written: asks for a fresh picture once a peer that lost market data has caught up.
  void drained();
  /// Does what the calls before have found out: cuts, logouts, the news of the expected number.
  void settle();

  // Operators' acts and time.
  void tick();
  void log_out(const std::string& text);
  void enable(bool enabled);
  void reset();
  void renumber(uint64_t next_sender, uint64_t next_target);
  void set_windows(Windows session, Windows logon);
  /// From now on; another dictionary ends the connection. The numbers stay what they are.
  void change(std::shared_ptr<const SessionTerms> terms);

  // Resends.
  void supply(Supply supply);
  /// Encodes one step where there is something to encode and room for it.
  HostPump pump();

  HostStatistics statistics() const;
  const SessionSpec& spec() const { return terms_->spec; }
  const std::string& name() const { return name_; }

 private:
  // FIX::Application
  void onCreate(const FIX::SessionID&) override {}
  void onLogon(const FIX::SessionID&) override;
  void onLogout(const FIX::SessionID&) override;
  void toAdmin(FIX::Message&, const FIX::SessionID&) override {}
  void toApp(FIX::Message& message, const FIX::SessionID&) override {
    // Session puts it into its BusinessMessageReject, which no dictionary of FIX.5.0 knows there.
    message.removeField(FIX::FIELD::DefaultApplVerID);
  }
  void fromAdmin(const FIX::Message&, const FIX::SessionID&) override;
  void fromApp(const FIX::Message&, const FIX::SessionID&) override;
  // FIX::Responder
  bool send(const std::string& message) override;
  void disconnect() override;
  // Factories
  FIX::MessageStore* create(const FIX::UtcTimeStamp&, const FIX::SessionID&) override { return &store_; }
  void destroy(FIX::MessageStore*) override {}
  FIX::Log* create() override { return this; }
  FIX::Log* create(const FIX::SessionID&) override { return this; }
  void destroy(FIX::Log*) override {}
  // FIX::Log
  void clear() override {}
  void backup() override {}
  void onIncoming(const std::string&) override {}
  void onOutgoing(const std::string&) override {}
  void onEvent(const std::string& text) override;
  // StoreOwner
  void on_numbered(uint64_t msg_seq_num, const std::string& message) override;
  void on_store_reset(int64_t now_s) override;

  template <class Call>
  bool call(Call&& into_session) noexcept;
  void feed(std::string_view message);
  FIX::SessionState& state() {
    // getStore() only adds const to the Session's own, non-const member.
    return *const_cast<FIX::SessionState*>(static_cast<const FIX::SessionState*>(session_->getStore()));
  }
  void open();
  void configure();
  Chunk& inbound() { return context_.inbound(queue_); }
  Inbound& emit(Inbound::Kind kind);
  void set_text(Inbound& item, const std::string& text);
  void count_cut(const std::string& cause);
  void check_output_bound();
  void check_text(const FIX::Message& message) const;
  void refuse_malformed(std::string_view message, const std::string& what);
  const char* second_logon_fault(std::string_view message) const;
  std::string prepare_logon(const std::string& logon);
  void catch_resend(const FIX::Message& message);
  void answer_caught();
  void begin_resend(uint64_t begin, uint64_t end, uint64_t msg_seq_num);
  void ask_slice(uint64_t begin);
  void feed_resend(uint64_t begin, uint64_t end);
  void end_resend();
  void park(std::string_view message);
  void apply_windows();
  void reset_numbers();

  HostContext& context_;
  const std::shared_ptr<SessionEntry> entry_;
  std::shared_ptr<const SessionTerms> terms_;
  const std::shared_ptr<InboundQueue> queue_;
  const std::string name_;
  const Encoder encoder_, peer_encoder_;
  Store store_;
  std::unique_ptr<FIX::Session> session_;
  Connection* connection_ = nullptr;

  int epoch_;
  uint64_t written_through_;           // every number up to it has been written to a socket, or filled
  std::map<uint64_t, uint64_t> written_beyond_;  // ranges written beyond a gap: reports of the time without a connection
  uint64_t reserved_through_, reserve_serial_ = 0;
  uint64_t reported_target_;           // what Python knows of the expected inbound number
  bool logon_reported_ = false, logout_received_ = false, in_logon_ = false, kill_ = false;
  bool suspicious_ = false;            // the message has bytes that only data fields may have, or may have them
  bool slow_ = false;                  // market data is being dropped until half of its bound is free
  std::string cause_, last_event_, cut_after_call_, log_out_after_call_;
  // The last message that was numbered, until Session sends it: everything else that it sends is a retransmission.
  struct {
    Blob blob;
    size_t offset = 0, length = 0;
    uint64_t num = 0, serial = 0;
  } numbered_;
  std::set<uint64_t> ahead_;           // numbers that Session has queued beyond a gap
  ResendState resend_;
  std::deque<std::string> parked_;     // input that waits behind a resend
  size_t parked_bytes_ = 0;
  int64_t parked_requests_ = 0;
  int next_request_id_ = 1;
  struct {
    uint64_t begin = 0, end = 0, msg_seq_num = 0;
  } caught_;                           // a valid ResendRequest that Session must not answer
  uint64_t paced_until_ns_ = 0;
  uint64_t own_resend_begin_ = 0;      // from NextExpectedMsgSeqNum(789)
  Windows session_windows_, logon_windows_;
  uint64_t logout_sent_ns_ = 0;         // when a Logout of ours was first seen to wait for its answer
  std::string scratch_;
};

template <class Call>
bool SessionHost::call(Call&& into_session) noexcept {
  bool whole = true;
  try {
    into_session();
  } catch (const NotForSession&) {
    // The callback that threw it has noted what is to be done.
  } catch (const FIX::InvalidMessage& error) {
    whole = false;
    last_event_ = error.what();
  } catch (const std::exception& error) {
    cut_after_call_ = std::string("internal error: ") + error.what();
  } catch (...) {
    cut_after_call_ = "internal error";
  }
  return whole;
}

}  // namespace outcry::wire
