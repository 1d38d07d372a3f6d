#include "gate.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace outcry::wire {

namespace {

constexpr uint64_t ms = 1000000;
constexpr int events_max = 128;
constexpr int backlog = 512;
constexpr int64_t refusal_linger_ms = 1000;
constexpr size_t read_bytes = 4096;
constexpr uint64_t wait_ms_max = 1000;
constexpr int gate_nice = 10;

// Numeric address of a peer; IPv4 inside of IPv6 is written as IPv4, so that one host has one name.
std::string address_text(const sockaddr_storage& address, int& port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    port = ntohs(in.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
      inet_ntop(AF_INET, &in.sin6_addr.s6_addr[12], text, sizeof text);
    else
      inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
    port = ntohs(in.sin6_port);
  }
  return text;
}

int open_listener(const std::string& host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const int error = getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error) throw std::invalid_argument("listen: host " + host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, backlog) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    throw std::runtime_error("listen: " + host + ":" + std::to_string(port) + ": " + reason);
  }
  return fd;
}

int bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  int port = 0;
  address_text(address, port);
  return port;
}

}  // namespace

Gate::Gate(const Options& options, const Directory& directory, std::vector<std::unique_ptr<IoThread>>& io_threads)
    : options_(options),
      directory_(directory),
      io_threads_(io_threads),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, mailbox_.fd(), &event) == 0);
}

Gate::~Gate() {
  stop();
  close_listeners();
  ::close(epoll_);
  ::close(spare_);
}

// --- any thread ------------------------------------------------------------------------------------------------------

int Gate::listen(const std::string& host, int port, std::shared_ptr<TlsContext> tls) {
  const int fd = open_listener(host, port);
  const int bound = bound_port(fd);
  const auto add = [this, fd, bound, tls] {
    listeners_.push_back({fd, bound, tls});
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &listeners_.back();
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  };
  if (!mailbox_.post(add)) {
    ::close(fd);
    throw std::runtime_error("listen: the wire has stopped");
  }
  return bound;
}

void Gate::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
}

void Gate::poll_logon(int64_t timeout_ms, std::vector<LogonAttempt>& attempts) {
  std::unique_lock<std::mutex> lock(queue_mutex_);
  queue_ready_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return woken_ || !queue_.empty(); });
  woken_ = false;
  attempts.swap(queue_);
}

void Gate::wake() {
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    woken_ = true;
  }
  queue_ready_.notify_all();
}

void Gate::admit(uint64_t attempt_id, bool accepted, const std::string& text, int64_t delay_ms) {
  mailbox_.post([this, attempt_id, accepted, text, delay_ms] { answer(attempt_id, accepted, text, delay_ms); });
}

void Gate::stop_accepting() {
  mailbox_.post([this] { close_listeners(); });
}

void Gate::stop() {
  stopping_ = true;
  mailbox_.kick();
  if (thread_.joinable()) thread_.join();
  mailbox_.close();
  wake();
}

GateStatistics Gate::statistics() {
  GateStatistics result;
  if (!thread_.joinable()) return result;
  mailbox_.run([&] {
    result = statistics_;
    result.connections = visitors_.size();
    result.admissions = attempts_.size();
  });
  return result;
}

// --- the loop --------------------------------------------------------------------------------------------------------

// Who trades goes before who wants to come in: many strangers take what the others leave of the cores.
void Gate::loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  (void)setpriority(PRIO_PROCESS, id_t(gettid()), gate_nice);
  while (!stopping_.load()) {
    try {
      turn();
    } catch (const std::exception& error) {
      has_gone_ = true;  // the next turn looks at all of them
      ++statistics_.refused[std::string("internal error: ") + error.what()];
    }
  }
  mailbox_.close();
  for (const Mailbox::Task& task : mailbox_.take()) task();
  close_listeners();
  attempts_.clear();
  visitors_.clear();
  per_address_.clear();
}

void Gate::turn() {
  const uint64_t before = monotonic_ns();
  const uint64_t left = next_deadline_ <= before ? 0 : (next_deadline_ - before) / ms + 1;
  epoll_event events[events_max];
  const int count = epoll_wait(epoll_, events, events_max, int(std::min(left, wait_ms_max)));
  for (const Mailbox::Task& task : mailbox_.take()) {
    try {
      task();
    } catch (const std::exception& error) {
      ++statistics_.refused[std::string("internal error: ") + error.what()];
    }
  }
  for (int i = 0; i < count; ++i) {
    void* const target = events[i].data.ptr;
    if (!target) continue;
    const auto listener = std::find_if(listeners_.begin(), listeners_.end(), [&](Listener& l) { return &l == target; });
    if (listener != listeners_.end()) {
      if (listener->fd >= 0) accept_all(*listener);
      continue;
    }
    Visitor& visitor = *static_cast<Visitor*>(target);  // erased by `sweep` alone, which is behind all events
    if (visitor.gone) continue;
    if (visitor.state == State::admission || visitor.state == State::delayed) {
      if (events[i].events & (EPOLLHUP | EPOLLERR)) drop(visitor, "gone while its logon was decided");
    } else {
      progress(visitor);
    }
  }
  sweep();
}

void Gate::accept_all(Listener& listener) {
  for (int i = 0; i < backlog; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int fd = accept4(listener.fd, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
      // Without a file descriptor the caller cannot even be turned away: a spare one serves for that.
      ::close(spare_);
      ::close(::accept(listener.fd, nullptr, nullptr));
      spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ++statistics_.refused["no file descriptor left"];
      return;
    }
    if (fd < 0) return;
    Socket socket(fd);
    int peer_port = 0;
    std::string text = address_text(address, peer_port);
    if (make_room(text)) welcome(std::move(socket), listener, std::move(text), peer_port);
  }
}

// Strangers may only push each other out: who has waited longest without a Logon goes first, and one address can only
// take its own places. Whoever sends his Logon at once is never among them.
bool Gate::make_room(const std::string& address) {
  const auto evict = [&](bool same_address) {
    for (Visitor& visitor : visitors_) {
      if (visitor.gone || visitor.state == State::admission) continue;
      if (same_address && visitor.peer.address != address) continue;
      drop(visitor, same_address ? "too many connections of its address" : "too many connections");
      return true;
    }
    ++statistics_.refused[same_address ? "too many connections of its address" : "too many connections"];
    return false;
  };
  const auto found = per_address_.find(address);
  if (found != per_address_.end() && found->second >= options_.connections_per_address_max && !evict(true)) return false;
  int64_t total = 0;
  for (const auto& [text, count] : per_address_) total += count;
  return total < options_.connections_max || evict(false);
}

void Gate::welcome(Socket socket, const Listener& listener, std::string address, int peer_port) {
  const int one = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (listener.tls) socket.start_tls(*listener.tls);
  visitors_.emplace_back(std::move(socket), size_t(options_.first_message_bytes_max));
  Visitor& visitor = visitors_.back();
  visitor.framer.validate_checksum(false);  // some sessions do without; the checks look again
  visitor.state = listener.tls ? State::handshake : State::reading;
  visitor.tls = listener.tls;
  set_deadline(visitor, options_.logon_timeout_ms);
  visitor.peer_text = address + ":" + std::to_string(peer_port);
  visitor.peer.address = std::move(address);
  visitor.peer.port = listener.port;
  visitor.peer.tls = listener.tls != nullptr;
  ++per_address_[visitor.peer.address];
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &visitor;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, visitor.socket.fd(), &event) == 0);
  progress(visitor);
}

void Gate::progress(Visitor& visitor) {
  if (visitor.state == State::handshake) {
    const long result = visitor.socket.handshake();
    if (result == Socket::would_block) return;
    if (result == Socket::closed) return drop(visitor, "TLS handshake failed");
    visitor.peer.certificate_cn = visitor.socket.certificate_cn();
    visitor.state = State::reading;
  }
  if (visitor.state == State::reading) read(visitor);
  if (visitor.state == State::refusing && !visitor.gone) {
    char waste[read_bytes];
    long length;
    while ((length = visitor.socket.read(waste, sizeof waste)) > 0) {
    }
    if (length == Socket::closed) leave(visitor);
  }
}

void Gate::read(Visitor& visitor) {
  const size_t bytes_max = size_t(options_.first_message_bytes_max);
  char buffer[read_bytes];
  while (visitor.state == State::reading && !visitor.gone) {
    const size_t room = bytes_max - visitor.received;
    if (room == 0) return drop(visitor, "first message too long");
    const long length = visitor.socket.read(buffer, std::min(room, sizeof buffer));
    if (length == Socket::would_block) return;
    if (length == Socket::closed) return drop(visitor, "closed before a logon");
    visitor.received += size_t(length);
    visitor.framer.feed(buffer, size_t(length));
    std::string_view message;
    switch (visitor.framer.next(message)) {
      case Framer::Result::message:
        return decide(visitor, message);
      case Framer::Result::cut:
        return drop(visitor, "first message is not FIX");
      case Framer::Result::need_more:
        break;
    }
  }
}

void Gate::decide(Visitor& visitor, std::string_view message) {
  GateVerdict verdict = check_first_message(message, visitor.peer, directory_, wall_ns(), visitor.entry);
  if (verdict.kind == GateVerdict::close) return drop(visitor, verdict.reason);
  if (verdict.kind == GateVerdict::refuse) {
    ++statistics_.refused[verdict.reason];
    return refuse(visitor, "Logon refused");
  }
  if (int64_t(attempts_.size()) >= options_.admissions_max ||
      visitor.entry->admissions >= options_.admissions_per_session_max ||
      pending_of(visitor) >= options_.admissions_per_peer_max)
    return drop(visitor, "too many logons at once");
  visitor.logon.assign(message);
  visitor.state = State::admission;
  set_deadline(visitor, options_.admission_timeout_ms);
  visitor.attempt_id = verdict.attempt.attempt_id = next_attempt_++;
  ++visitor.entry->admissions;
  attempts_[visitor.attempt_id] = &visitor;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    queue_.push_back(std::move(verdict.attempt));
  }
  queue_ready_.notify_one();
}

// Logons that are looked at for the same session, from the same address.
int64_t Gate::pending_of(const Visitor& visitor) const {
  return std::count_if(attempts_.begin(), attempts_.end(), [&](const auto& attempt) {
    return attempt.second->entry == visitor.entry && attempt.second->peer.address == visitor.peer.address;
  });
}

// A refusal that is answered late takes no place of those whose password is still to be looked at: a stranger who
// guesses keeps nobody out.
void Gate::answer(uint64_t attempt_id, bool accepted, const std::string& text, int64_t delay_ms) {
  const auto found = attempts_.find(attempt_id);
  if (found == attempts_.end()) return;  // gone meanwhile
  Visitor& visitor = *found->second;
  attempts_.erase(found);
  visitor.attempt_id = 0;
  --visitor.entry->admissions;
  if (!accepted) {
    ++statistics_.refused["credentials"];
    if (delay_ms <= 0) return refuse(visitor, text);
    visitor.refusal = text;
    visitor.state = State::delayed;
    set_deadline(visitor, delay_ms);
    return;
  }
  if (visitor.entry->removed || !visitor.entry->enabled) return drop(visitor, "session removed or disabled meanwhile");
  // Two logons may have been decided at once: the first one is in, the second is closed, as always.
  if (visitor.entry->live.exchange(true)) return drop(visitor, "session has a connection");
  hand_over(visitor);
}

void Gate::hand_over(Visitor& visitor) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, visitor.socket.fd(), nullptr);
  auto handover = std::make_shared<Handover>();
  handover->session_id = visitor.entry->session_id;
  handover->socket = std::move(visitor.socket);
  handover->peer = visitor.peer_text;
  handover->logon = std::move(visitor.logon);
  handover->rest = visitor.framer.rest();
  IoThread& io = *io_threads_[size_t(visitor.entry->io)];
  const auto entry = visitor.entry;
  ++statistics_.accepted;
  leave(visitor);
  if (!io.post([&io, handover, entry] { io.adopt(*handover, entry); })) entry->live = false;
}

// One Logout outside of all numbers: nothing of the session is touched, and nothing of it is told.
void Gate::refuse(Visitor& visitor, const std::string& text) {
  const auto terms = visitor.entry->terms();
  const SessionSpec& spec = terms->spec;
  const Encoder encoder(spec.begin_string, spec.sender_comp_id, spec.target_comp_id);
  std::string logout;
  std::string clean = text;
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  encoder.append(logout, "5", 1, stamp_.text(wall_ns(), spec.timestamp_precision),
                 clean.empty() ? std::string() : "58=" + clean + "\x01");
  (void)visitor.socket.write(logout.data(), logout.size());
  visitor.socket.shut_down_writing();
  visitor.state = State::refusing;
  set_deadline(visitor, refusal_linger_ms);
  progress(visitor);
}

void Gate::drop(Visitor& visitor, const std::string& reason) {
  if (visitor.gone) return;
  ++statistics_.refused[reason];
  leave(visitor);
  if (visitor.attempt_id) {
    attempts_.erase(visitor.attempt_id);
    --visitor.entry->admissions;
    visitor.attempt_id = 0;
  }
  visitor.socket.close();
  const auto found = per_address_.find(visitor.peer.address);
  if (found != per_address_.end() && --found->second <= 0) per_address_.erase(found);
  visitor.peer.address.clear();
}

void Gate::set_deadline(Visitor& visitor, int64_t within_ms) {
  visitor.deadline = monotonic_ns() + uint64_t(within_ms) * ms;
  next_deadline_ = std::min(next_deadline_, visitor.deadline);
}

void Gate::leave(Visitor& visitor) {
  visitor.gone = true;
  has_gone_ = true;
}

// All of them are looked at only when one is gone or a time is over, never for each that says something.
void Gate::sweep() {
  const uint64_t now = monotonic_ns();
  if (!has_gone_ && now < next_deadline_) return;
  has_gone_ = false;
  next_deadline_ = UINT64_MAX;
  for (auto visitor = visitors_.begin(); visitor != visitors_.end();) {
    if (!visitor->gone && visitor->deadline <= now) {
      if (visitor->state == State::refusing)
        leave(*visitor);
      else if (visitor->state == State::delayed)
        refuse(*visitor, visitor->refusal);
      else
        drop(*visitor, visitor->state == State::admission ? "logon was not decided in time" : "no logon in time");
    }
    if (!visitor->gone) {
      next_deadline_ = std::min(next_deadline_, visitor->deadline);
      ++visitor;
      continue;
    }
    const auto found = per_address_.find(visitor->peer.address);
    if (!visitor->peer.address.empty() && found != per_address_.end() && --found->second <= 0) per_address_.erase(found);
    visitor = visitors_.erase(visitor);
  }
}

// They stay known: an event of one of them may be there already, behind the task that closes it.
void Gate::close_listeners() {
  for (Listener& listener : listeners_) {
    if (listener.fd >= 0) ::close(listener.fd);
    listener.fd = -1;
  }
}

}  // namespace outcry::wire
