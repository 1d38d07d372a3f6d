// The sessions that exist: what the gate may know of them, shared between threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "check.hpp"
#include "dictionaries.hpp"
#include "options.hpp"

namespace outcry::wire {

/// The settings of a session; they never change, a session is given others.
struct SessionTerms {
  SessionSpec spec;
  std::shared_ptr<const Dictionaries> dictionaries;
};

/// One session as the gate sees it. Its id and names never change; its state lives on its IO thread.
struct SessionEntry : private Counted {
  SessionEntry(SessionSpec settings, std::shared_ptr<const Dictionaries> files, int io_thread)
      : session_id(settings.session_id), key(settings.key()), io(io_thread), enabled(settings.enabled),
        terms_(std::make_shared<const SessionTerms>(SessionTerms{std::move(settings), std::move(files)})) {}

  /// Any thread; the host keeps its own.
  std::shared_ptr<const SessionTerms> terms() const { return std::atomic_load(&terms_); }
  void change(std::shared_ptr<const SessionTerms> terms) { std::atomic_store(&terms_, std::move(terms)); }

  const int session_id;
  const std::string key;
  const int io;
  std::atomic<bool> enabled;
  std::atomic<bool> live{false};    // has a connection, from the moment of its admission
  std::atomic<bool> removed{false};
  int admissions = 0;               // logons waiting for an answer; gate thread only

 private:
  std::shared_ptr<const SessionTerms> terms_;
};

class Directory {
 public:
  /// False: the id or the three names are taken.
  bool add(std::shared_ptr<SessionEntry> entry);
  std::shared_ptr<SessionEntry> remove(int session_id);
  std::shared_ptr<SessionEntry> find(int session_id) const;
  std::shared_ptr<SessionEntry> find(const std::string& key) const;
  void set_logon_windows(int session_id, Windows windows);
  /// True without windows.
  bool logon_open(int session_id, int64_t second) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<int, std::shared_ptr<SessionEntry>> by_id_;
  std::unordered_map<std::string, std::shared_ptr<SessionEntry>> by_key_;
  std::unordered_map<int, Windows> logon_windows_;
};

}  // namespace outcry::wire
