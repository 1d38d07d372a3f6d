// One authenticated connection: socket, input framer and hold buffer.
#pragma once

#include <string>

#include "framer.hpp"
#include "hold_buffer.hpp"
#include "options.hpp"
#include "tls.hpp"

namespace outcry::wire {

class SessionHost;

/// Owner: the IO thread of its session.
struct Connection : private Counted {
  Connection(Socket accepted, std::string peer_text, const Options& options)
      : socket(std::move(accepted)),
        peer(std::move(peer_text)),
        framer(size_t(options.body_length_max), size_t(options.garbage_bytes_max)) {}

  Socket socket;
  const std::string peer;
  Framer framer;
  HoldBuffer hold;
  SessionHost* host = nullptr;   // nullptr once its session has gone on without it
  std::string host_name;         // of the session, for the log
  bool readable = true;          // the kernel may have bytes for us
  bool writable = true;          // the kernel may take bytes from us
  bool closing = false;          // ends when the held bytes are out, or at close_at_ns
  bool shut = false;             // our side of the socket is shut, the peer's is awaited
  bool dead = false;             // is removed at the end of the turn
  bool listed = false;           // is in the IO thread's list of connections that hold bytes
  bool pending = false;          // the framer may have whole messages that wait for their turn
  bool hung_up = false;          // the peer has ended its side: the end stands behind the last bytes
  uint64_t close_at_ns = 0;
};

}  // namespace outcry::wire
