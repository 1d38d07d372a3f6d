#include "from_python.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

namespace nb = nanobind;

namespace outcry::wire {

namespace {

std::vector<FieldNode> read_fields(nb::handle specs, int depth) {
  if (depth > 4) throw std::invalid_argument("schema: groups are nested too deep");
  std::vector<FieldNode> fields;
  for (nb::handle spec : specs) {
    const nb::tuple pair = nb::cast<nb::tuple>(spec);
    if (nb::len(pair) != 2) throw std::invalid_argument("schema: a field is (tag, kind) or (tag, (fields...))");
    FieldNode node;
    node.tag = nb::cast<int>(pair[0]);
    if (nb::isinstance<nb::str>(pair[1])) {
      const std::string kind = nb::cast<std::string>(pair[1]);
      if (kind.size() != 1 || !std::strchr("tidu", kind[0])) throw std::invalid_argument("schema: kind '" + kind + "' is not t, i, d or u");
      node.kind = kind[0];
    } else {
      node.kind = node.tag == 0 ? 'o' : 'g';
      node.fields = read_fields(pair[1], depth + 1);
      if (node.kind == 'o' && depth > 0) throw std::invalid_argument("schema: options stand in a message, not in a group");
    }
    fields.push_back(std::move(node));
  }
  if (fields.size() > 256) throw std::invalid_argument("schema: more than 256 fields");
  return fields;
}

template <class T>
bool take(const std::string& key, nb::handle value, std::initializer_list<std::pair<const char*, T SessionSpec::*>> members,
          SessionSpec& spec) {
  for (const auto& [name, member] : members)
    if (key == name) {
      spec.*member = nb::cast<T>(value);
      return true;
    }
  return false;
}

void read_spec_item(SessionSpec& spec, const std::string& key, nb::handle value) {
  using S = SessionSpec;
  const bool known =
      take<int>(key, value, {{"session_id", &S::session_id}, {"heart_bt_int_min", &S::heart_bt_int_min},
                             {"heart_bt_int_max", &S::heart_bt_int_max}, {"max_latency_s", &S::max_latency_s},
                             {"timestamp_precision", &S::timestamp_precision}, {"logon_timeout_s", &S::logon_timeout_s},
                             {"logout_timeout_s", &S::logout_timeout_s}, {"epoch", &S::epoch}}, spec) ||
      take<std::string>(key, value, {{"begin_string", &S::begin_string}, {"sender_comp_id", &S::sender_comp_id},
                                     {"target_comp_id", &S::target_comp_id}, {"default_appl_ver_id", &S::default_appl_ver_id},
                                     {"transport_dictionary", &S::transport_dictionary},
                                     {"app_dictionary", &S::app_dictionary}, {"certificate_cn", &S::certificate_cn}}, spec) ||
      take<bool>(key, value, {{"check_latency", &S::check_latency}, {"reset_on_logon", &S::reset_on_logon},
                              {"reset_on_logout", &S::reset_on_logout}, {"reset_on_disconnect", &S::reset_on_disconnect},
                              {"refresh_on_logon", &S::refresh_on_logon},
                              {"send_redundant_resend_requests", &S::send_redundant_resend_requests},
                              {"send_next_expected_msg_seq_num", &S::send_next_expected_msg_seq_num},
                              {"validate_length_and_checksum", &S::validate_length_and_checksum},
                              {"validate_fields_out_of_order", &S::validate_fields_out_of_order},
                              {"validate_fields_have_values", &S::validate_fields_have_values},
                              {"validate_user_defined_fields", &S::validate_user_defined_fields},
                              {"allow_unknown_msg_fields", &S::allow_unknown_msg_fields},
                              {"preserve_message_fields_order", &S::preserve_message_fields_order},
                              {"require_tls", &S::require_tls}, {"enabled", &S::enabled}}, spec) ||
      take<uint64_t>(key, value, {{"next_sender", &S::next_sender}, {"next_target", &S::next_target},
                                  {"written_through", &S::written_through}, {"reserved_through", &S::reserved_through}}, spec) ||
      take<int64_t>(key, value, {{"created_s", &S::created_s}}, spec) ||
      take<std::vector<std::string>>(key, value, {{"allowed_remote_addresses", &S::allowed_remote_addresses}}, spec) ||
      take<std::vector<int>>(key, value, {{"ports", &S::ports}}, spec);
  if (!known) throw std::invalid_argument("session: unknown key " + key);
}

}  // namespace

Schema read_schema(nb::handle mapping) {
  Schema schema;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    schema.add(nb::cast<std::string>(pair[0]), read_fields(pair[1], 0));
  }
  return schema;
}

Options read_options(nb::handle mapping) {
  Options options;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    options.set(nb::cast<std::string>(pair[0]), nb::cast<int64_t>(pair[1]));
  }
  return options;
}

SessionSpec read_spec(nb::handle mapping) {
  SessionSpec spec;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    const std::string key = nb::cast<std::string>(pair[0]);
    try {
      read_spec_item(spec, key, pair[1]);
    } catch (const nb::cast_error&) {
      throw std::invalid_argument("session: value of " + key + " has the wrong type");
    }
  }
  if (spec.sender_comp_id.empty() || spec.target_comp_id.empty()) throw std::invalid_argument("session: both CompIDs are needed");
  if (spec.transport_dictionary.empty()) throw std::invalid_argument("session: transport_dictionary is needed");
  if (spec.app_dictionary.empty()) spec.app_dictionary = spec.transport_dictionary;
  if (spec.timestamp_precision < 0 || spec.timestamp_precision > 9) throw std::invalid_argument("session: timestamp_precision is not 0..9");
  if (spec.next_sender < 1 || spec.next_target < 1 || spec.epoch < 1) throw std::invalid_argument("session: numbers begin with 1");
  return spec;
}

}  // namespace outcry::wire
