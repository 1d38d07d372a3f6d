#include "io_thread.hpp"

#include <algorithm>
#include <csignal>
#include <sys/epoll.h>
#include <unistd.h>

namespace outcry::wire {

namespace {
constexpr size_t read_bytes = 64 << 10;
constexpr int events_max = 256;
constexpr int vectors_max = 64;
constexpr size_t tls_write_bytes = 64 << 10;
constexpr uint64_t ms = 1000000;
constexpr uint64_t turn_messages_max = 64;
}  // namespace

IoThread::IoThread(int index, const Options& options, const Schema& schema, Hub& hub, MessageLog& log)
    : options_(options),
      hub_(hub),
      outbox_(index),
      context_{options, schema, outbox_, log, {}, index, wall_ns(), monotonic_ns(), 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, {}},
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(read_bytes) {
  CHECK(epoll_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, mailbox_.fd(), &event) == 0);
  next_tick_ns_ = context_.monotonic + uint64_t(options.tick_ms) * ms;
  thread_ = std::thread([this] { loop(); });
}

IoThread::~IoThread() {
  stop(0);
  ::close(epoll_);
}

// --- any thread ------------------------------------------------------------------------------------------------------

void IoThread::release(uint64_t serial) {
  uint64_t before = released_.load();
  while (before < serial && !released_.compare_exchange_weak(before, serial)) {
  }
  kick();
}

void IoThread::stop(int64_t timeout_ms) {
  stop_within_ms_ = timeout_ms < 0 ? 0 : timeout_ms;
  kick();
  if (thread_.joinable()) thread_.join();
}

template <class Work>
void IoThread::guarded(SessionHost& host, Work&& work) {
  try {
    work();
  } catch (const std::exception& error) {
    host.cut(std::string("internal error: ") + error.what());
  }
}

// --- the loop --------------------------------------------------------------------------------------------------------

void IoThread::loop() {
  // Signals belong to Python's main thread; a closed TLS socket must not raise SIGPIPE here.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  uint64_t stop_at = 0;
  for (;;) {
    try {
      turn(wait_ms());
    } catch (const std::exception& error) {
      // Each session's and connection's work has its own catch: what comes here concerns none of them.
      ++context_.cuts[std::string("loop: ") + error.what()];
    }
    const int64_t within = stop_within_ms_.load();
    if (within < 0) continue;
    if (!stop_at) stop_at = context_.monotonic + uint64_t(within) * ms;
    const bool idle = std::none_of(holding_.begin(), holding_.end(),
                                   [&](Connection* c) { return c->hold.sendable(context_.released); });
    if (context_.monotonic >= stop_at || idle) break;
  }
  close_all();
}

int IoThread::wait_ms() const {
  if (busy_) return 0;
  uint64_t until = next_tick_ns_;
  if (context_.next_pace_ns && context_.next_pace_ns < until) until = context_.next_pace_ns;
  for (const auto& connection : connections_)
    if (connection->closing && connection->close_at_ns < until) until = connection->close_at_ns;
  if (stop_within_ms_.load() >= 0) return 1;
  const uint64_t now = monotonic_ns();
  return until <= now ? 0 : int((until - now + ms - 1) / ms);
}

void IoThread::turn(int timeout_ms) {
  epoll_event events[events_max];
  const int count = epoll_wait(epoll_, events, events_max, timeout_ms);
  context_.monotonic = monotonic_ns();
  context_.now_ns = wall_ns();
  busy_ = count == events_max;
  for (int i = 0; i < count; ++i) {
    auto* const connection = static_cast<Connection*>(events[i].data.ptr);
    if (!connection) continue;  // the mailbox
    if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->readable = true;
    if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->hung_up = true;
    if (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) connection->writable = true;
    if (connection->socket.is_tls()) connection->readable = connection->writable = true;  // either may wait for the other
  }
  run_tasks();
  end_pauses();
  context_.released = released_.load();
  // What is staged or released does not wait for the reading of a full socket.
  write_all();
  hub_.publish(context_.take_filled(), outbox_.take());
  read_all();
  pump_all();
  if (context_.monotonic >= next_tick_ns_) tick_all();
  write_all();
  drop_dead();
  hub_.publish(context_.take_filled(), outbox_.take());
}

void IoThread::run_tasks() {
  for (const Mailbox::Task& task : mailbox_.take()) {
    try {
      task();
    } catch (const std::exception& error) {
      ++context_.cuts[std::string("task: ") + error.what()];
    }
  }
}

// Sessions whose pause is over are read in this turn.
void IoThread::end_pauses() {
  if (!context_.next_pace_ns || context_.monotonic < context_.next_pace_ns) return;
  context_.next_pace_ns = 0;
  for (const auto& [id, host] : hosts_) {
    const uint64_t until = host->paced_until_ns();
    if (host->is_paced() && (!context_.next_pace_ns || until < context_.next_pace_ns)) context_.next_pace_ns = until;
  }
}

// --- input -----------------------------------------------------------------------------------------------------------

// A turn takes up so many messages and the next one goes on with the connections behind: what many have sent at once is
// worked on, and what was staged meanwhile is numbered, before the last of them is read.
void IoThread::read_all() {
  const uint64_t enough = context_.messages_in + turn_messages_max;
  for (size_t left = connections_.size(); left > 0; --left) {
    if (next_read_ >= connections_.size()) next_read_ = 0;
    Connection& connection = *connections_[next_read_++];
    const bool parked = connection.host && connection.host->has_parked();
    if (connection.dead || !(connection.readable || connection.pending || parked)) continue;
    try {
      read_turn(connection);
    } catch (const std::exception& error) {
      fail(connection, std::string("internal error: ") + error.what());
    }
    if (context_.messages_in < enough) continue;
    busy_ = true;
    return;
  }
}

// How many messages of the connection's session may be taken up in this turn. With 0 there is a call when that changes:
// a poll kicks, a resend that goes on is a task or makes the loop busy, a pause ends in time.
size_t IoThread::room(const Connection& connection) {
  SessionHost* const host = connection.host;
  if (!host || host->connection() != &connection || host->is_paced()) return 0;
  return host->takes_input() || host->has_parked() ? hub_.room(host->queue()) : 0;
}

// A slice at most: first what waited behind a resend, then what has come already, and only then more bytes.
void IoThread::read_turn(Connection& connection) {
  SessionHost* const host = connection.host;
  if (host && host->connection() == &connection) {
    size_t left = room(connection);
    left -= host->go_on(left);
    if (connection.pending) left = process(connection, left);
    if (left == 0) return note_waiting(connection);
    if (connection.readable && !connection.pending && host->takes_input()) read(connection, left);
  } else {
    connection.pending = false;
    if (connection.readable) read(connection, 0);
  }
  note_waiting(connection);
}

// There may be more of it: the loop does not sleep, unless it will be called.
void IoThread::note_waiting(const Connection& connection) {
  const bool is_live = connection.host && connection.host->connection() == &connection;
  const bool waits = connection.readable || connection.pending || (is_live && connection.host->has_parked());
  if (waits && !connection.dead && (!is_live || room(connection) > 0)) busy_ = true;
}

void IoThread::read(Connection& connection, size_t messages_max) {
  const long length = connection.socket.read(buffer_.data(), buffer_.size());
  if (length == Socket::would_block) {
    connection.readable = false;
    return;
  }
  if (length == Socket::closed) {
    connection.readable = false;
    connection.dead = true;
    if (connection.host && connection.host->connection() == &connection) connection.host->lost("the peer closed the connection");
    return;
  }
  context_.bytes_in += uint64_t(length);
  // A short read has emptied the socket. The end of the stream may have come in the same event: there is no other for it.
  if (size_t(length) < buffer_.size() && !connection.socket.is_tls() && !connection.hung_up) connection.readable = false;
  if (connection.closing) return;  // nothing that comes now counts
  connection.framer.feed(buffer_.data(), size_t(length));
  process(connection, messages_max);
}

// Returns what is left of `messages_max`.
size_t IoThread::process(Connection& connection, size_t messages_max) {
  std::string_view message;
  connection.pending = false;
  // The session may end its connection with any message.
  while (connection.host && connection.host->connection() == &connection) {
    if (messages_max == 0) {
      connection.pending = true;
      return 0;
    }
    const Framer::Result result = connection.framer.next(message);
    if (result == Framer::Result::need_more) break;
    if (result == Framer::Result::cut) {
      connection.host->cut(connection.framer.cause());
      break;
    }
    connection.host->input(message);
    --messages_max;
  }
  connection.framer.shrink();
  return messages_max;
}

void IoThread::pump_all() {
  resends_ = 0;
  for (auto& [id, host] : hosts_) {
    guarded(*host, [&, host = host.get()] {
      const HostPump state = host->pump();
      if (state.active) ++resends_;
      if (state.more) busy_ = true;
      // What waited behind a resend that is over.
      if (host->has_parked() && !host->is_paced() && hub_.room(host->queue()) > 0) busy_ = true;
    });
  }
}

void IoThread::tick_all() {
  next_tick_ns_ = context_.monotonic + uint64_t(options_.tick_ms) * ms;
  for (auto& [id, host] : hosts_) {
    guarded(*host, [host = host.get()] {
      const Connection* const connection = host->connection();
      if (connection && (connection->pending || connection->readable || host->has_parked())) host->keep_alive();
      host->tick();
    });
  }
}

// --- output ----------------------------------------------------------------------------------------------------------

void IoThread::stage(StageBatch& batch) {
  // All messages of a session in one run: the journal keeps a run as one record.
  std::map<int, std::pair<int, int>> chains;  // session -> first, last
  std::vector<int> order;
  auto& messages = batch.messages;
  for (int i = 0; i < int(messages.size()); ++i) {
    auto [at, fresh] = chains.emplace(messages[size_t(i)].session_id, std::make_pair(i, i));
    if (fresh) {
      order.push_back(i);
    } else {
      messages[size_t(at->second.second)].next = i;
      at->second.second = i;
    }
  }
  Outbound& item = outbox_.open(batch.batch_id);
  item.blob->reserve(batch.text.size() + messages.size() * 96);
  std::vector<SessionHost*> hosts;
  for (const int first : order) {
    SessionHost* const host = this->host(messages[size_t(first)].session_id);
    if (!host) {
      for (int i = first; i >= 0; i = messages[size_t(i)].next) ++context_.staged_unknown;
      continue;
    }
    hosts.push_back(host);
    guarded(*host, [&] {
      for (int i = first; i >= 0; i = messages[size_t(i)].next) {
        const auto& message = messages[size_t(i)];
        const std::string_view text = batch.text;
        host->stage(item, text.substr(message.type_at, message.type_length), text.substr(message.body_at, message.body_length));
      }
    });
  }
  // Only now: settling may add items of its own behind this one.
  for (SessionHost* host : hosts) {
    if (host->connection()) list(*host->connection());
    guarded(*host, [host] { host->settle(); });
  }
}

void IoThread::publish(const PublishBatch& batch) {
  for (const int session_id : batch.session_ids) {
    SessionHost* const host = this->host(session_id);
    if (!host) continue;
    guarded(*host, [&] { host->publish(batch.msg_type, batch.body); });
    if (host->connection()) list(*host->connection());
  }
}

void IoThread::list(Connection& connection) {
  if (connection.listed) return;
  connection.listed = true;
  holding_.push_back(&connection);
}

void IoThread::write_all() {
  for (const auto& connection : connections_)
    if (!connection->hold.empty() || connection->closing) list(*connection);
  for (size_t i = 0; i < holding_.size(); ++i) {
    Connection& connection = *holding_[i];
    try {
      if (!connection.dead) write(connection);
      if (connection.closing && !connection.dead) finish(connection);
    } catch (const std::exception& error) {
      fail(connection, std::string("internal error: ") + error.what());
    }
  }
  holding_.erase(std::remove_if(holding_.begin(), holding_.end(),
                                [](Connection* connection) {
                                  const bool done = connection->hold.empty() && !connection->closing;
                                  if (done) connection->listed = false;
                                  return done;
                                }),
                 holding_.end());
}

void IoThread::write(Connection& connection) {
  while (connection.writable && connection.hold.sendable(context_.released)) {
    iovec vectors[vectors_max];
    const int count = connection.hold.gather(context_.released, vectors, vectors_max);
    long length;
    if (connection.socket.is_tls()) {
      // One record for many small pieces.
      tls_buffer_.clear();
      for (int i = 0; i < count && tls_buffer_.size() < tls_write_bytes; ++i)
        tls_buffer_.append(static_cast<const char*>(vectors[i].iov_base),
                           std::min(vectors[i].iov_len, tls_write_bytes - tls_buffer_.size()));
      length = connection.socket.write(tls_buffer_.data(), tls_buffer_.size());
    } else {
      length = connection.socket.write(vectors, count);
    }
    if (length == Socket::would_block) {
      connection.writable = false;
      return;
    }
    if (length == Socket::closed) return fail(connection, "the peer closed the connection");
    context_.bytes_out += uint64_t(length);
    connection.hold.consume(size_t(length), [&](int epoch, uint64_t first_num, uint64_t last_num) {
      if (connection.host) connection.host->written(epoch, first_num, last_num);
    });
  }
  if (connection.host && connection.host->connection() == &connection) connection.host->drained();
}

// A closing connection: all is out, or its time is over.
void IoThread::finish(Connection& connection) {
  if (context_.monotonic >= connection.close_at_ns) {
    connection.dead = true;
  } else if (connection.hold.empty() && !connection.shut) {
    // Closing with unread input would make the kernel throw away what the peer has not read of ours.
    connection.socket.shut_down_writing();
    connection.shut = true;
    connection.readable = true;
    busy_ = true;
  }
}

void IoThread::fail(Connection& connection, const std::string& cause) {
  connection.dead = true;
  if (connection.host && connection.host->connection() == &connection) connection.host->lost(cause);
}

void IoThread::drop_dead() {
  const auto is_dead = [](const std::unique_ptr<Connection>& connection) { return connection->dead; };
  if (std::none_of(connections_.begin(), connections_.end(), is_dead)) return;
  holding_.erase(std::remove_if(holding_.begin(), holding_.end(), [](Connection* c) { return c->dead; }), holding_.end());
  connections_.erase(std::remove_if(connections_.begin(), connections_.end(), is_dead), connections_.end());
}

void IoThread::close_all() {
  for (auto& [id, host] : hosts_) host->lost("the exchange stopped");
  mailbox_.close();
  run_tasks();
  for (auto& connection : connections_) {
    connection->host = nullptr;
    connection->socket.shut_down_writing();
  }
  holding_.clear();
  connections_.clear();
  hosts_.clear();
  hub_.publish(context_.take_filled(), outbox_.take());
}

// --- tasks -----------------------------------------------------------------------------------------------------------

SessionHost* IoThread::host(int session_id) {
  const auto found = hosts_.find(session_id);
  return found == hosts_.end() ? nullptr : found->second.get();
}

void IoThread::add_host(std::shared_ptr<SessionEntry> entry) {
  const int session_id = entry->session_id;
  CHECK(!host(session_id));
  hosts_[session_id] = std::make_unique<SessionHost>(context_, std::move(entry));
}

void IoThread::remove_host(int session_id) {
  SessionHost* const host = this->host(session_id);
  if (!host) return;
  host->cut("session was removed");
  for (auto& connection : connections_)
    if (connection->host == host) connection->host = nullptr;
  hosts_.erase(session_id);
}

void IoThread::adopt(Handover& handover, const std::shared_ptr<SessionEntry>& entry) {
  SessionHost* const host = this->host(handover.session_id);
  if (!host || host->connection()) {
    // Removed meanwhile; two at once are the gate's to prevent.
    if (!host) entry->live.store(false);
    return handover.socket.close();
  }
  connections_.push_back(std::make_unique<Connection>(std::move(handover.socket), handover.peer, options_));
  Connection& connection = *connections_.back();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &connection;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket.fd(), &event) != 0) {
    connection.dead = true;
    entry->live.store(false);
    return;
  }
  guarded(*host, [&] {
    host->adopt(connection, handover.logon);
    if (host->connection() != &connection) return;
    connection.framer.feed(handover.rest.data(), handover.rest.size());
    process(connection, size_t(options_.session_slice));
  });
}

IoStatistics IoThread::statistics() {
  IoStatistics result;
  result.messages_in = context_.messages_in;
  result.messages_out = context_.messages_out;
  result.bytes_in = context_.bytes_in;
  result.bytes_out = context_.bytes_out;
  result.garbled = context_.garbled;
  for (const auto& connection : connections_) result.garbled += connection->framer.garbled_count();
  result.md_dropped = context_.md_dropped;
  result.staged_unknown = context_.staged_unknown;
  result.resends = resends_;
  result.connections = connections_.size();
  result.serial = outbox_.serial();
  result.released = context_.released;
  result.cuts = context_.cuts;
  for (const auto& [id, host] : hosts_) result.hosts.push_back(host->statistics());
  return result;
}

}  // namespace outcry::wire
