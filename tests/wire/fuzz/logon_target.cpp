// The gate's look at a first message, which strangers send: it throws nothing, and what passes is a Logon by every rule.
//
// Input: one byte that chooses version, connection and form. Form 0: the body of a Logon whose header is right. Form 1: all
// of a message between BodyLength(9) and CheckSum(10). Form 2: the bytes of a connection.
#include "framer.hpp"
#include "gate.hpp"
#include "sessions.hpp"

using namespace outcry::wire;
using namespace outcry::fuzz;

namespace {

constexpr size_t first_message_max = 4096;
constexpr int64_t wall = now_s * 1000000000;

// A session of each version; that of FIX.4.4 is choosy about the connection.
const Directory& directory() {
  static Directory made;
  static const bool filled = [] {
    for (int version = 0; version < version_count; ++version) {
      SessionSpec spec = spec_of(version, false);
      if (version == 1) {
        spec.ports = {9878, 9879};
        spec.allowed_remote_addresses = {"127.0.0.1"};
        spec.require_tls = true;
        spec.certificate_cn = "trader";
      }
      HOLDS(made.add(std::make_shared<SessionEntry>(spec, dictionaries_of(version, false), 0)));
    }
    made.set_logon_windows(1, {{now_s - 100, now_s + 100}});
    return true;
  }();
  HOLDS(filled);
  return made;
}

GatePeer peer_of(uint8_t settings) {
  GatePeer peer;
  peer.address = settings & 1 ? "127.0.0.2" : "127.0.0.1";
  peer.port = settings & 2 ? 9877 : 9879;
  peer.tls = !(settings & 4);
  peer.certificate_cn = settings & 8 ? "" : "trader";
  return peer;
}

std::string framed(int version, std::string_view body) {
  std::string text = "8=" + spec_of(version, false).begin_string + soh + "9=" + std::to_string(body.size()) + soh;
  text += body;
  const unsigned sum = checksum(text.data(), text.size());
  char trailer[16];
  std::snprintf(trailer, sizeof trailer, "10=%03u\x01", sum);
  return text + trailer;
}

// --- what may pass ---------------------------------------------------------------------------------------------------

std::string_view only(std::string_view message, const char* tag) {
  std::string_view found;
  int count = 0;
  for (const std::string_view field : fields_of(message))
    if (starts_with(field, std::string(tag) + "=")) {
      found = field.substr(std::string(tag).size() + 1);
      ++count;
    }
  HOLDS(count <= 1);  // which one would hold?
  return found;
}

bool is_text(std::string_view value) {
  for (const char c : value)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) return false;
  return true;
}

void check_time(std::string_view text) {
  // Our clock stands still at noon of one day: two minutes around it.
  HOLDS(starts_with(text, "20240229-11:5") || starts_with(text, "20240229-12:0"));
}

void check_passed(std::string_view message, const GatePeer& peer, const GateVerdict& verdict, const SessionEntry& entry) {
  const auto terms = entry.terms();
  const SessionSpec& spec = terms->spec;
  HOLDS(only(message, "35") == "A" && only(message, "98") == "0");
  HOLDS(only(message, "8") == spec.begin_string);
  HOLDS(only(message, "49") == spec.target_comp_id && only(message, "56") == spec.sender_comp_id);
  const std::string_view interval = only(message, "108"), number = only(message, "34");
  const int seconds = std::atoi(std::string(interval).c_str());
  HOLDS(is_digits(interval) && seconds >= 5 && seconds <= 60);
  HOLDS(is_digits(number) && number.find_first_not_of('0') != std::string_view::npos);
  HOLDS(only(message, "141") != "Y" || std::strtoull(std::string(number).c_str(), nullptr, 10) == 1);
  check_time(only(message, "52"));
  if (spec.is_fixt()) HOLDS(only(message, "1137") == "9");
  HOLDS(spec.allowed_remote_addresses.empty() || (peer.address == "127.0.0.1" && peer.port == 9879 && peer.tls));
  HOLDS(spec.certificate_cn.empty() || peer.certificate_cn == spec.certificate_cn);
  HOLDS(verdict.attempt.session_id == spec.session_id && is_text(verdict.attempt.username));
  HOLDS(verdict.attempt.username == only(message, "553") && verdict.attempt.password == only(message, "554"));
}

void check(std::string_view message, const GatePeer& peer) {
  std::shared_ptr<SessionEntry> entry, again;
  const GateVerdict verdict = check_first_message(message, peer, directory(), wall, entry);
  const GateVerdict second = check_first_message(message, peer, directory(), wall, again);
  HOLDS(verdict.kind == second.kind && verdict.reason == second.reason && entry == again);
  HOLDS((verdict.kind == GateVerdict::pass) == verdict.reason.empty());
  // Somebody who is nobody's peer gets no answer.
  HOLDS(verdict.kind == GateVerdict::close || entry);
  HOLDS(!entry || !entry->live.load());
  if (verdict.kind == GateVerdict::pass) check_passed(message, peer, verdict, *entry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const int version = data[0] % version_count, form = data[0] / version_count % version_count;
  const GatePeer peer = peer_of(uint8_t(data[0] / 9 % 4 ? 0 : data[1]));
  std::string body(text_of(data + 1, size - 1));
  if (form < 2 && body.back() != soh) body += soh;
  const std::string bytes = form == 0 ? peer_message(version, "A", 1, body) : form == 1 ? framed(version, body) : body;
  // As the gate takes it: CheckSum(10) is judged when the session is known.
  Framer framer(first_message_max, 1);
  framer.validate_checksum(false);
  framer.feed(bytes.data(), bytes.size());
  std::string_view message;
  if (framer.next(message) == Framer::Result::message) check(message, peer);
  return 0;
}
