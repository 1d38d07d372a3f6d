#include "options.hpp"

#include <stdexcept>

namespace outcry::wire {

namespace {

constexpr int64_t value_max = int64_t(1) << 48;

const std::map<std::string, int64_t Options::*>& bounds() {
  static const std::map<std::string, int64_t Options::*> table = {
      {"io_threads", &Options::io_threads},
      {"in_queue_max", &Options::in_queue_max},
      {"session_queue_max", &Options::session_queue_max},
      {"session_slice", &Options::session_slice},
      {"batch_max", &Options::batch_max},
      {"out_bytes_max", &Options::out_bytes_max},
      {"md_bytes_max", &Options::md_bytes_max},
      {"reserve_block", &Options::reserve_block},
      {"resend_slice", &Options::resend_slice},
      {"resend_step", &Options::resend_step},
      {"resend_queue_max", &Options::resend_queue_max},
      {"resend_buffer_bytes", &Options::resend_buffer_bytes},
      {"parked_bytes_max", &Options::parked_bytes_max},
      {"connections_max", &Options::connections_max},
      {"connections_per_address_max", &Options::connections_per_address_max},
      {"admissions_max", &Options::admissions_max},
      {"admissions_per_session_max", &Options::admissions_per_session_max},
      {"admissions_per_peer_max", &Options::admissions_per_peer_max},
      {"admission_timeout_ms", &Options::admission_timeout_ms},
      {"first_message_bytes_max", &Options::first_message_bytes_max},
      {"logon_timeout_ms", &Options::logon_timeout_ms},
      {"close_timeout_ms", &Options::close_timeout_ms},
      {"body_length_max", &Options::body_length_max},
      {"garbage_bytes_max", &Options::garbage_bytes_max},
      {"ahead_max", &Options::ahead_max},
      {"tick_ms", &Options::tick_ms},
  };
  return table;
}

}  // namespace

void Options::set(const std::string& name, int64_t value) {
  const auto found = bounds().find(name);
  if (found == bounds().end()) throw std::invalid_argument("unknown option " + name);
  if (value < 1 || value > value_max)
    throw std::invalid_argument("option " + name + " is " + std::to_string(value) + ", allowed is 1.." +
                                std::to_string(value_max));
  if (name == "io_threads" && value > 64) throw std::invalid_argument("option io_threads is over 64");
  this->*(found->second) = value;
}

const Window* window_at(const Windows& windows, int64_t second) {
  for (const Window& window : windows)
    if (window.first <= second && second < window.second) return &window;
  return nullptr;
}

}  // namespace outcry::wire
