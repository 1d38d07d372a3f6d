#include "wire.hpp"

#include <algorithm>
#include <stdexcept>

namespace outcry::wire {

Wire::Wire(Schema schema, const Options& options)
    : options_(options),
      schema_(std::move(schema)),
      hub_({size_t(options.in_queue_max), size_t(options.session_queue_max), size_t(options.session_slice)}),
      gate_(options_, directory_, io_),
      sessions_per_io_(size_t(options.io_threads)) {
  for (int i = 0; i < int(options_.io_threads); ++i)
    io_.push_back(std::make_unique<IoThread>(i, options_, schema_, hub_, log_));
  hub_.on_room = [this](int io) {
    for (int i = 0; i < int(io_.size()); ++i)
      if (io < 0 || i == io) io_[size_t(i)]->kick();
  };
}

Wire::~Wire() { stop(0); }

std::shared_ptr<SessionEntry> Wire::entry(int session_id) const {
  auto found = directory_.find(session_id);
  if (!found) throw std::invalid_argument("unknown session " + std::to_string(session_id));
  return found;
}

int Wire::add_session(SessionSpec spec) {
  auto dictionaries = load_dictionaries(spec);
  const std::lock_guard<std::mutex> lock(sessions_mutex_);
  const auto least = std::min_element(sessions_per_io_.begin(), sessions_per_io_.end());
  const int index = int(least - sessions_per_io_.begin());
  auto entry = std::make_shared<SessionEntry>(std::move(spec), std::move(dictionaries), index);
  if (directory_.find(entry->session_id) || directory_.find(entry->key))
    throw std::invalid_argument("session " + std::to_string(entry->session_id) + " or its names exist already");
  IoThread& io = *io_[size_t(index)];
  // The session exists before the gate can find it.
  if (!io.run([&] { io.add_host(entry); })) throw std::runtime_error("the wire has stopped");
  CHECK(directory_.add(entry));
  ++*least;
  return index;
}

void Wire::remove_session(int session_id) {
  const std::lock_guard<std::mutex> lock(sessions_mutex_);
  const auto entry = directory_.remove(session_id);
  if (!entry) throw std::invalid_argument("unknown session " + std::to_string(session_id));
  IoThread& io = *io_[size_t(entry->io)];
  io.run([&] { io.remove_host(session_id); });
  --sessions_per_io_[size_t(entry->io)];
}

void Wire::change_session(SessionSpec spec) {
  auto dictionaries = load_dictionaries(spec);
  const std::lock_guard<std::mutex> lock(sessions_mutex_);
  const int session_id = spec.session_id;
  const auto entry = this->entry(session_id);
  if (entry->key != spec.key()) throw std::invalid_argument("session " + std::to_string(session_id) + " has other names");
  const auto terms = std::make_shared<const SessionTerms>(SessionTerms{std::move(spec), std::move(dictionaries)});
  entry->change(terms);  // the gate judges by them from now on
  IoThread& io = *io_[size_t(entry->io)];
  io.run([&] {
    if (SessionHost* host = io.host(session_id)) host->change(terms);
  });
}

void Wire::set_windows(int session_id, Windows session, Windows logon) {
  const auto entry = this->entry(session_id);
  for (const Windows* windows : {&session, &logon})
    for (const Window& window : *windows)
      if (window.first >= window.second) throw std::invalid_argument("a window ends before it begins");
  directory_.set_logon_windows(session_id, logon);
  on_session(session_id, [session, logon](SessionHost& host) { host.set_windows(session, logon); });
}

void Wire::on_session(int session_id, std::function<void(SessionHost&)> act) {
  IoThread& io = *io_[size_t(entry(session_id)->io)];
  io.post([&io, session_id, act = std::move(act)] {
    if (SessionHost* host = io.host(session_id)) act(*host);
  });
}

void Wire::enable(int session_id, bool enabled) {
  entry(session_id)->enabled = enabled;  // the gate refuses from now on
  on_session(session_id, [enabled](SessionHost& host) { host.enable(enabled); });
}

void Wire::release(size_t io, uint64_t serial) {
  if (io >= io_.size()) throw std::invalid_argument("no IO thread " + std::to_string(io));
  io_[io]->release(serial);
}

void Wire::stop(int64_t timeout_ms) {
  gate_.stop();
  for (auto& io : io_) io->stop(timeout_ms);
  hub_.wake();
}

WireStatistics Wire::statistics() {
  WireStatistics result;
  for (auto& io : io_) {
    IoStatistics one;
    io->run([&] { one = io->statistics(); });
    result.io.push_back(std::move(one));
  }
  result.gate = gate_.statistics();
  result.in_queue = hub_.queued();
  result.log_dropped = log_.dropped();
  return result;
}

}  // namespace outcry::wire
