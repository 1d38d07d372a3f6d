#include "tls.hpp"

#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace outcry::wire {

namespace {

[[noreturn]] void refuse(const std::string& key, const std::string& found) {
  char reason[256] = "";
  if (const unsigned long error = ERR_get_error()) ERR_error_string_n(error, reason, sizeof reason);
  ERR_clear_error();
  throw std::invalid_argument("tls: " + key + " " + found + (reason[0] ? std::string(": ") + reason : std::string()));
}

std::string setting(const std::map<std::string, std::string>& settings, const char* key, const char* otherwise = "") {
  const auto found = settings.find(key);
  return found == settings.end() ? otherwise : found->second;
}

}  // namespace

TlsContext::TlsContext(const std::map<std::string, std::string>& settings) : context_(SSL_CTX_new(TLS_server_method())) {
  CHECK(context_ != nullptr);
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> guard(context_, SSL_CTX_free);
  const std::string certificate = setting(settings, "certificate"), key = setting(settings, "key");
  const std::string ca = setting(settings, "ca"), verify = setting(settings, "verify", "none");
  const std::string version = setting(settings, "min_version", "1.2");
  if (version != "1.2" && version != "1.3") refuse("min_version", version + " is not 1.2 or 1.3");
  SSL_CTX_set_min_proto_version(context_, version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  // No session is resumed: each logon shows its certificate, and nothing of a client stays with us.
  SSL_CTX_set_options(context_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1)
    refuse("certificate", "'" + certificate + "' cannot be used");
  if (SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse("key", "'" + key + "' cannot be used");
  if (SSL_CTX_check_private_key(context_) != 1) refuse("key", "'" + key + "' does not fit the certificate");
  const std::string ciphers = setting(settings, "ciphers"), suites = setting(settings, "cipher_suites");
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(context_, ciphers.c_str()) != 1)
    refuse("ciphers", "'" + ciphers + "' names no cipher");
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context_, suites.c_str()) != 1)
    refuse("cipher_suites", "'" + suites + "' names no cipher suite");
  if (verify != "none" && verify != "optional" && verify != "required")
    refuse("verify", verify + " is not none, optional or required");
  if (verify != "none") {
    if (SSL_CTX_load_verify_locations(context_, ca.c_str(), nullptr) != 1) refuse("ca", "'" + ca + "' cannot be used");
    SSL_CTX_set_client_CA_list(context_, SSL_load_client_CA_file(ca.c_str()));
    SSL_CTX_set_verify(context_, verify == "required" ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                      : SSL_VERIFY_PEER, nullptr);
  }
  guard.release();
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

SSL* TlsContext::accept(int fd) const {
  SSL* ssl = SSL_new(context_);
  CHECK(ssl != nullptr);
  SSL_set_fd(ssl, fd);
  SSL_set_accept_state(ssl);
  return ssl;
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), ssl_(std::exchange(other.ssl_, nullptr)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  ssl_ = std::exchange(other.ssl_, nullptr);
  return *this;
}

long Socket::tls_result(int result) {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? would_block : closed;
}

long Socket::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? 1 : tls_result(result);
}

long Socket::read(char* data, size_t length) {
  if (ssl_) {
    ERR_clear_error();
    const int result = SSL_read(ssl_, data, int(length));
    return result > 0 ? result : tls_result(result);
  }
  const ssize_t result = ::recv(fd_, data, length, 0);
  if (result > 0) return long(result);
  return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? would_block : closed;
}

long Socket::write(const char* data, size_t length) {
  if (ssl_) {
    ERR_clear_error();
    const int result = SSL_write(ssl_, data, int(length));
    return result > 0 ? result : tls_result(result);
  }
  const iovec vector{const_cast<char*>(data), length};
  return write(&vector, 1);
}

long Socket::write(const iovec* vectors, int count) {
  CHECK(!ssl_);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(vectors);
  message.msg_iovlen = size_t(count);
  const ssize_t result = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (result > 0) return long(result);
  return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? would_block : closed;
}

void Socket::shut_down_writing() {
  if (fd_ < 0) return;
  if (ssl_ && SSL_is_init_finished(ssl_)) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

void Socket::close() {
  if (ssl_) SSL_free(ssl_);
  ssl_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string Socket::certificate_cn() const {
  if (!ssl_ || SSL_get_verify_result(ssl_) != X509_V_OK) return "";
  const std::unique_ptr<X509, void (*)(X509*)> certificate(SSL_get1_peer_certificate(ssl_), X509_free);
  if (!certificate) return "";
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return "";
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (length < 0) return "";
  std::string name(reinterpret_cast<char*>(text), size_t(length));
  OPENSSL_free(text);
  // A zero byte inside would let one name pass for another.
  return name.find('\0') == std::string::npos ? name : "";
}

}  // namespace outcry::wire
