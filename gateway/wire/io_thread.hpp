// One IO thread: an epoll loop that owns connections and the sessions behind them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mailbox.hpp"
#include "message_log.hpp"
#include "session_host.hpp"

namespace outcry::wire {

/// Messages of one `stage` call for the sessions of one IO thread.
struct StageBatch : private Counted {
  struct Message {
    int session_id;
    uint32_t type_at, type_length, body_at, body_length;
    int next = -1;  // the next one of the same session
  };
  uint64_t batch_id = 0;
  std::string text;
  std::vector<Message> messages;
};

/// One message for many sessions.
struct PublishBatch : private Counted {
  std::vector<int> session_ids;
  std::string msg_type, body;
};

/// An authenticated connection on its way from the gate.
struct Handover : private Counted {
  int session_id = 0;
  Socket socket;
  std::string peer, logon, rest;
};

struct IoStatistics {
  uint64_t messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0, garbled = 0, md_dropped = 0, staged_unknown = 0;
  uint64_t resends = 0, connections = 0, serial = 0, released = 0;
  std::map<std::string, uint64_t> cuts;
  std::vector<HostStatistics> hosts;
};

class IoThread : private Counted {
 public:
  IoThread(int index, const Options& options, const Schema& schema, Hub& hub, MessageLog& log);
  ~IoThread();

  // Any thread.
  bool post(Mailbox::Task task) { return mailbox_.post(std::move(task)); }
  bool run(const Mailbox::Task& task) { return mailbox_.run(task); }
  void release(uint64_t serial);
  void kick() { mailbox_.kick(); }
  /// Flushes what may leave for at most `timeout_ms`, closes everything and joins.
  void stop(int64_t timeout_ms);

  // On the thread, inside of tasks.
  void add_host(std::shared_ptr<SessionEntry> entry);
  void remove_host(int session_id);
  SessionHost* host(int session_id);
  void adopt(Handover& handover, const std::shared_ptr<SessionEntry>& entry);
  void stage(StageBatch& batch);
  void publish(const PublishBatch& batch);
  IoStatistics statistics();

 private:
  /// Runs `work` for a session: whatever goes wrong ends that session's connection and nothing else.
  template <class Work>
  void guarded(SessionHost& host, Work&& work);
  void loop();
  void turn(int timeout_ms);
  int wait_ms() const;
  void run_tasks();
  void end_pauses();
  void read_all();
  void read_turn(Connection& connection);
  size_t room(const Connection& connection);
  void note_waiting(const Connection& connection);
  void read(Connection& connection, size_t messages_max);
  size_t process(Connection& connection, size_t messages_max);
  void pump_all();
  void tick_all();
  void write_all();
  void write(Connection& connection);
  void finish(Connection& connection);
  void drop_dead();
  void close_all();
  void list(Connection& connection);
  void fail(Connection& connection, const std::string& cause);

  const Options& options_;
  Hub& hub_;
  Outbox outbox_;
  HostContext context_;
  int epoll_ = -1;
  Mailbox mailbox_;
  std::atomic<uint64_t> released_{0};
  std::atomic<int64_t> stop_within_ms_{-1};
  std::map<int, std::unique_ptr<SessionHost>> hosts_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> holding_;   // connections with something to send
  std::vector<char> buffer_;
  std::string tls_buffer_;
  size_t next_read_ = 0;               // index of the connection whose turn to be read it is
  uint64_t next_tick_ns_ = 0, resends_ = 0;
  bool busy_ = false;                  // there is work without waiting
  std::thread thread_;
};

}  // namespace outcry::wire
