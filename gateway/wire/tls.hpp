// A socket with or without TLS, never blocking, and the server side of TLS.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <sys/uio.h>

#include "check.hpp"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace outcry::wire {

/// Certificate, key and rules of one TLS listener. Used by the gate thread; read only after construction.
class TlsContext : private Counted {
 public:
  /// Keys: certificate, key, ca, verify (none, optional, required), min_version (1.2, 1.3), ciphers, cipher_suites.
  /// Throws std::invalid_argument that names the key and what OpenSSL said.
  explicit TlsContext(const std::map<std::string, std::string>& settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  SSL* accept(int fd) const;

 private:
  SSL_CTX* context_;
};

/// Owns one accepted connection; used by one thread at a time.
class Socket : private Counted {
 public:
  static constexpr long would_block = -1, closed = -2;

  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  int fd() const { return fd_; }
  bool is_tls() const { return ssl_ != nullptr; }
  void start_tls(const TlsContext& context) { ssl_ = context.accept(fd_); }
  /// 1 when the handshake is done, would_block or closed.
  long handshake();
  /// Bytes read (over 0), would_block or closed.
  long read(char* data, size_t length);
  /// Bytes written (over 0), would_block or closed.
  long write(const char* data, size_t length);
  long write(const iovec* vectors, int count);
  /// TLS: close_notify; then no more bytes from us. The peer may still send.
  void shut_down_writing();
  void close();
  /// Common name of the verified client certificate, or "".
  std::string certificate_cn() const;

 private:
  long tls_result(int result);
  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

}  // namespace outcry::wire
