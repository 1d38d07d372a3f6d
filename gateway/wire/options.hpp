// Bounds of the wire and the settings of one session: plain values, set before the threads see them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace outcry::wire {

/// Every capacity of the wire. Bytes, counts and milliseconds, as the names say.
struct Options {
  int64_t io_threads = 1;
  int64_t in_queue_max = 65536;                     // inbound items of all not polled yet; then sockets are not read
  int64_t session_queue_max = 4096;                 // the same of one session; then its socket is not read
  int64_t session_slice = 16;                       // messages of one session before it is another's turn
  int64_t batch_max = 1024;                         // inbound items of one poll
  int64_t out_bytes_max = 64 << 20;                 // released bytes that a peer has not taken, per connection
  int64_t md_bytes_max = 4 << 20;                   // above it published messages are dropped for that session
  int64_t reserve_block = 10000;                    // numbers reserved at once for unstored messages
  int64_t resend_slice = 1000;                      // messages asked from the journal at once
  int64_t resend_step = 8;                          // messages of a slice encoded per loop turn
  int64_t resend_queue_max = 8;                     // ResendRequests waiting behind a running one
  int64_t resend_buffer_bytes = 1 << 20;            // a resend waits while the connection holds more
  int64_t parked_bytes_max = 1 << 20;               // input of a session waiting behind its resend
  int64_t connections_max = 2048;                   // unauthenticated connections in all
  int64_t connections_per_address_max = 64;         // unauthenticated connections of one address
  int64_t admissions_max = 256;                     // logons waiting for an answer
  int64_t admissions_per_session_max = 16;          // of which for one session
  int64_t admissions_per_peer_max = 4;              // of which from one address
  int64_t admission_timeout_ms = 20000;             // an answer that takes longer is a refusal
  int64_t first_message_bytes_max = 4096;
  int64_t logon_timeout_ms = 5000;                  // from accept to a whole first message, TLS handshake included
  int64_t close_timeout_ms = 1000;                  // from QuickFIX's disconnect() to the close of the socket
  int64_t body_length_max = 65536;
  int64_t garbage_bytes_max = 65536;                // bytes outside of messages between two good ones
  int64_t ahead_max = 256;                          // messages queued beyond a gap
  int64_t tick_ms = 1000;                           // timer of sessions: heartbeats, time limits, windows

  /// Sets one bound by name; throws std::invalid_argument for unknown names and values outside 1..2^48.
  void set(const std::string& name, int64_t value);
};

/// Half-open window [first, second) in seconds since 1970.
using Window = std::pair<int64_t, int64_t>;
using Windows = std::vector<Window>;

/// The window that holds `second`, or nullptr.
const Window* window_at(const Windows& windows, int64_t second);

/// Settings and journaled state of one session, as `add_session` gives them. Defaults are QuickFIX's.
struct SessionSpec {
  int session_id = 0;
  std::string begin_string = "FIX.4.4", sender_comp_id, target_comp_id, default_appl_ver_id = "9";
  std::string transport_dictionary, app_dictionary;
  int heart_bt_int_min = 5, heart_bt_int_max = 60;
  bool check_latency = true;
  int max_latency_s = 120;
  bool reset_on_logon = false, reset_on_logout = false, reset_on_disconnect = false, refresh_on_logon = false;
  bool send_redundant_resend_requests = false, send_next_expected_msg_seq_num = false;
  bool validate_length_and_checksum = true, validate_fields_out_of_order = true, validate_fields_have_values = true;
  bool validate_user_defined_fields = true, allow_unknown_msg_fields = false, preserve_message_fields_order = false;
  int timestamp_precision = 3;
  int logon_timeout_s = 10, logout_timeout_s = 2;
  std::vector<std::string> allowed_remote_addresses;
  std::string certificate_cn;
  bool require_tls = false, enabled = true;
  std::vector<int> ports;
  int epoch = 1;
  int64_t created_s = 0;
  uint64_t next_sender = 1, next_target = 1, written_through = 0, reserved_through = 0;

  bool is_fixt() const { return begin_string.rfind("FIXT", 0) == 0; }
  /// What a peer's BeginString(8), TargetCompID(56) and SenderCompID(49) have to be, as one key.
  std::string key() const { return begin_string + '\x01' + sender_comp_id + '\x01' + target_comp_id; }
};

}  // namespace outcry::wire
