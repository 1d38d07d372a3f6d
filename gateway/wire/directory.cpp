#include "directory.hpp"

namespace outcry::wire {

bool Directory::add(std::shared_ptr<SessionEntry> entry) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (by_id_.count(entry->session_id) || by_key_.count(entry->key)) return false;
  by_id_[entry->session_id] = entry;
  const std::string key = entry->key;
  by_key_[key] = std::move(entry);
  return true;
}

std::shared_ptr<SessionEntry> Directory::remove(int session_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_id_.find(session_id);
  if (found == by_id_.end()) return nullptr;
  auto entry = found->second;
  entry->removed = true;
  by_key_.erase(entry->key);
  by_id_.erase(found);
  logon_windows_.erase(session_id);
  return entry;
}

std::shared_ptr<SessionEntry> Directory::find(int session_id) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_id_.find(session_id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::shared_ptr<SessionEntry> Directory::find(const std::string& key) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void Directory::set_logon_windows(int session_id, Windows windows) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (by_id_.count(session_id)) logon_windows_[session_id] = std::move(windows);
}

bool Directory::logon_open(int session_id, int64_t second) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = logon_windows_.find(session_id);
  return found == logon_windows_.end() || found->second.empty() || window_at(found->second, second);
}

}  // namespace outcry::wire
