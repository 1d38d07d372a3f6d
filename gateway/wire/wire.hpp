// The whole wire behind one class, without Python. All methods may be called from any thread and do not wait for peers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "directory.hpp"
#include "gate.hpp"
#include "hub.hpp"
#include "io_thread.hpp"
#include "message_log.hpp"
#include "options.hpp"
#include "schema.hpp"

namespace outcry::wire {

struct WireStatistics {
  std::vector<IoStatistics> io;
  GateStatistics gate;
  uint64_t in_queue = 0, log_dropped = 0;
};

class Wire : private Counted {
 public:
  Wire(Schema schema, const Options& options);
  ~Wire();

  const Options& options() const { return options_; }
  const Schema& schema() const { return schema_; }
  Hub& hub() { return hub_; }
  Gate& gate() { return gate_; }
  MessageLog& message_log() { return log_; }
  size_t io_count() const { return io_.size(); }
  IoThread& io(size_t index) { return *io_[index]; }

  /// Returns the session's IO thread. Throws std::invalid_argument for names or ids that are taken, and bad files.
  int add_session(SessionSpec spec);
  void remove_session(int session_id);
  /// Gives a session other settings than those of its id, names and numbers; throws std::invalid_argument.
  void change_session(SessionSpec spec);
  void set_windows(int session_id, Windows session, Windows logon);
  /// Posts `act` to the session's IO thread; std::invalid_argument for an unknown session.
  void on_session(int session_id, std::function<void(SessionHost&)> act);
  void enable(int session_id, bool enabled);
  void release(size_t io, uint64_t serial);
  void stop(int64_t timeout_ms);
  WireStatistics statistics();

 private:
  std::shared_ptr<SessionEntry> entry(int session_id) const;

  const Options options_;
  const Schema schema_;
  Hub hub_;
  MessageLog log_;
  Directory directory_;
  std::vector<std::unique_ptr<IoThread>> io_;
  Gate gate_;
  std::mutex sessions_mutex_;
  std::vector<int> sessions_per_io_;
};

}  // namespace outcry::wire
