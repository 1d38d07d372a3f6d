// The door: nobody reaches a session, its numbers or more than a small buffer before he is known.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "directory.hpp"
#include "encoder.hpp"
#include "framer.hpp"
#include "io_thread.hpp"
#include "mailbox.hpp"

namespace outcry::wire {

/// A Logon that passed every check but the one of its credentials.
struct LogonAttempt {
  uint64_t attempt_id = 0;
  int session_id = 0;
  std::string address, username, password, new_password, raw_data, signed_text, certificate_cn;
};

/// What the checks of gate_checks.cpp say of a first message.
struct GateVerdict {
  enum Kind { pass, close, refuse } kind = close;
  std::string reason;                  // for the statistics; a stranger never sees it
  LogonAttempt attempt;                // pass
};

/// What the gate knows of the peer before its first message.
struct GatePeer {
  std::string address;
  int port = 0;                        // of the listener
  bool tls = false;
  std::string certificate_cn;
};

/// All that can be known of a first message without touching a session. Throws nothing.
GateVerdict check_first_message(std::string_view message, const GatePeer& peer, const Directory& directory,
                                int64_t wall_ns, std::shared_ptr<SessionEntry>& entry) noexcept;

struct GateStatistics {
  uint64_t connections = 0, admissions = 0, accepted = 0;
  std::map<std::string, uint64_t> refused;
};

class Gate : private Counted {
 public:
  Gate(const Options& options, const Directory& directory, std::vector<std::unique_ptr<IoThread>>& io_threads);
  ~Gate();

  // Any thread.
  int listen(const std::string& host, int port, std::shared_ptr<TlsContext> tls);
  void start();
  void poll_logon(int64_t timeout_ms, std::vector<LogonAttempt>& attempts);
  void wake();
  void admit(uint64_t attempt_id, bool accepted, const std::string& text, int64_t delay_ms);
  void stop_accepting();
  void stop();
  GateStatistics statistics();

 private:
  enum class State { handshake, reading, admission, delayed, refusing };
  struct Listener {
    int fd = -1, port = 0;
    std::shared_ptr<TlsContext> tls;
  };
  struct Visitor : private Counted {
    Visitor(Socket accepted, size_t bytes_max) : socket(std::move(accepted)), framer(bytes_max, 0) {}
    Socket socket;
    Framer framer;
    GatePeer peer;
    std::string peer_text, logon, refusal;
    State state = State::reading;
    uint64_t deadline = 0, attempt_id = 0;
    size_t received = 0;
    bool gone = false;
    std::shared_ptr<SessionEntry> entry;
    std::shared_ptr<TlsContext> tls;
  };

  void loop();
  void turn();
  void accept_all(Listener& listener);
  bool make_room(const std::string& address);
  void welcome(Socket socket, const Listener& listener, std::string address, int peer_port);
  void progress(Visitor& visitor);
  void read(Visitor& visitor);
  void decide(Visitor& visitor, std::string_view message);
  void answer(uint64_t attempt_id, bool accepted, const std::string& text, int64_t delay_ms);
  int64_t pending_of(const Visitor& visitor) const;
  void hand_over(Visitor& visitor);
  void refuse(Visitor& visitor, const std::string& text);
  void drop(Visitor& visitor, const std::string& reason);
  void set_deadline(Visitor& visitor, int64_t within_ms);
  void leave(Visitor& visitor);
  void sweep();
  void close_listeners();

  const Options& options_;
  const Directory& directory_;
  std::vector<std::unique_ptr<IoThread>>& io_threads_;
  int epoll_ = -1, spare_ = -1;
  Mailbox mailbox_;
  std::list<Listener> listeners_;
  std::list<Visitor> visitors_;        // oldest first
  uint64_t next_deadline_ = UINT64_MAX;  // no visitor's is earlier
  bool has_gone_ = false;              // a visitor is gone and not erased yet
  std::unordered_map<std::string, int64_t> per_address_;
  std::unordered_map<uint64_t, Visitor*> attempts_;
  uint64_t next_attempt_ = 1;
  TimestampFormat stamp_;
  GateStatistics statistics_;
  std::mutex queue_mutex_;
  std::condition_variable queue_ready_;
  std::vector<LogonAttempt> queue_;
  bool woken_ = false;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace outcry::wire
