// What a first message has to be before anybody is asked for a password. QuickFIX looks at most of it only after it has
// reset the session's numbers, or not at all.
#include <cmath>
#include <cstdlib>

#include "Message.h"
#include "gate.hpp"

namespace outcry::wire {

namespace {

constexpr int64_t ns_per_second = 1000000000;

GateVerdict closed(const char* reason) {
  GateVerdict verdict;
  verdict.kind = GateVerdict::close;
  verdict.reason = reason;
  return verdict;
}

GateVerdict refused(const std::string& reason) {
  GateVerdict verdict;
  verdict.kind = GateVerdict::refuse;
  verdict.reason = reason;
  return verdict;
}

template <class List, class Item>
bool allows(const List& list, const Item& item) {
  if (list.empty()) return true;
  for (const auto& allowed : list)
    if (allowed == item) return true;
  return false;
}

std::string value_of(const FIX::FieldMap& map, int tag) {
  return map.isSetField(tag) ? map.getField(tag) : std::string();
}

bool is_text(const FIX::FieldMap& map, const Dictionaries& dictionaries) {
  for (const FIX::FieldBase& field : map)
    for (const char c : field.getString()) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte >= 0x80 || byte < 0x20 || byte == 0x7f) && !dictionaries.is_data_field(field.getTag())) return false;
    }
  for (const auto& group : map.groups())
    for (const FIX::FieldMap* entry : group.second)
      if (!is_text(*entry, dictionaries)) return false;
  return true;
}

// The checks that only need the connection: whoever fails one learns nothing.
const char* check_connection(const SessionEntry& entry, const SessionSpec& spec, const GatePeer& peer) {
  if (!allows(spec.ports, peer.port)) return "session is not served on this port";
  if (!allows(spec.allowed_remote_addresses, peer.address)) return "address is not allowed";
  if (spec.require_tls && !peer.tls) return "session requires TLS";
  if (!spec.certificate_cn.empty() && spec.certificate_cn != peer.certificate_cn) return "client certificate is not the session's";
  if (entry.live.load()) return "session has a connection";
  return nullptr;
}

const char* check_time(const SessionSpec& spec, const std::string& sending_time, int64_t wall_ns) {
  if (!spec.check_latency) return nullptr;
  int64_t sent = 0;
  if (!parse_timestamp_ns(sending_time, sent)) return "SendingTime(52) is not a time";
  const int64_t distance = std::llabs(wall_ns - sent);
  return distance > int64_t(spec.max_latency_s) * ns_per_second ? "SendingTime(52) is too far from ours" : nullptr;
}

const char* check_fields(const SessionSpec& spec, const FIX::Message& logon, std::string_view msg_seq_num) {
  int64_t interval = 0;
  if (!parse_integer(value_of(logon, FIX::FIELD::HeartBtInt), interval) || interval < spec.heart_bt_int_min ||
      interval > spec.heart_bt_int_max)
    return "HeartBtInt(108) is out of bounds";
  if (value_of(logon, FIX::FIELD::EncryptMethod) != "0") return "EncryptMethod(98) is not 0";
  uint64_t number = 0;
  if (!parse_number(msg_seq_num, number) || number == 0) return "MsgSeqNum(34) is not a number";
  if (value_of(logon, FIX::FIELD::ResetSeqNumFlag) == "Y" && number != 1) return "ResetSeqNumFlag(141) without MsgSeqNum(34) 1";
  if (!spec.is_fixt()) return nullptr;
  // Another version would switch the dictionary off.
  if (value_of(logon, FIX::FIELD::DefaultApplVerID) != spec.default_appl_ver_id) return "DefaultApplVerID(1137) is another version";
  const std::string version = value_of(logon.getHeader(), FIX::FIELD::ApplVerID);
  return version.empty() || version == spec.default_appl_ver_id ? nullptr : "ApplVerID(1128) is another version";
}

GateVerdict check(std::string_view message, const GatePeer& peer, const Directory& directory, int64_t wall_ns,
                  std::shared_ptr<SessionEntry>& entry) {
  const HeaderView header = read_header(message);
  if (header.msg_type != "A") return closed("first message is not a Logon");
  const std::string key = std::string(header.begin_string) + '\x01' + std::string(header.target_comp_id) + '\x01' +
                          std::string(header.sender_comp_id);
  entry = directory.find(key);
  if (!entry) return closed("unknown session");
  const auto terms = entry->terms();  // the same for the whole check, whatever an operator changes meanwhile
  const SessionSpec& spec = terms->spec;
  const Dictionaries& dictionaries = *terms->dictionaries;
  if (const char* fault = check_connection(*entry, spec, peer)) return closed(fault);
  uint64_t sum = 0;
  if (spec.validate_length_and_checksum &&
      (!parse_number(message.substr(message.size() - 4, 3), sum) || sum != checksum(message.data(), message.size() - 7)))
    return closed("CheckSum(10) is wrong");
  if (!entry->enabled.load()) return refused("session is disabled");
  if (!directory.logon_open(spec.session_id, wall_ns / ns_per_second)) return refused("outside of the time for logons");
  const FIX::Message logon = dictionaries.parse(std::string(message));
  if (!is_text(logon.getHeader(), dictionaries) || !is_text(logon, dictionaries))
    return refused("a byte that only data fields may hold");
  if (const char* fault = check_time(spec, std::string(header.sending_time), wall_ns)) return refused(fault);
  if (const char* fault = check_fields(spec, logon, header.msg_seq_num)) return refused(fault);
  GateVerdict verdict;
  verdict.kind = GateVerdict::pass;
  LogonAttempt& attempt = verdict.attempt;
  attempt.session_id = spec.session_id;
  attempt.address = peer.address;
  attempt.username = value_of(logon, FIX::FIELD::Username);
  attempt.password = value_of(logon, FIX::FIELD::Password);
  attempt.new_password = value_of(logon, FIX::FIELD::NewPassword);
  attempt.raw_data = value_of(logon, FIX::FIELD::RawData);
  attempt.certificate_cn = peer.certificate_cn;
  for (const std::string_view part : {header.sending_time, header.msg_type, header.msg_seq_num, header.sender_comp_id,
                                      header.target_comp_id}) {
    if (!attempt.signed_text.empty()) attempt.signed_text += '\x01';
    attempt.signed_text += part;
  }
  return verdict;
}

}  // namespace

GateVerdict check_first_message(std::string_view message, const GatePeer& peer, const Directory& directory,
                                int64_t wall_ns, std::shared_ptr<SessionEntry>& entry) noexcept {
  try {
    return check(message, peer, directory, wall_ns, entry);
  } catch (const FIX::Exception& error) {
    return entry ? refused(std::string("invalid Logon: ") + error.type) : closed("invalid Logon");
  } catch (...) {
    return closed("invalid Logon");
  }
}

}  // namespace outcry::wire
