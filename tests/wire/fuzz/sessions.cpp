#include "sessions.hpp"

#include "encoder.hpp"

using namespace outcry::wire;

namespace outcry::fuzz {

SessionSpec spec_of(int version, bool relaxed) {
  static const char* const begin_strings[] = {"FIX.4.2", "FIX.4.4", "FIXT.1.1"};
  static const char* const files[] = {"FIX42.xml", "FIX44.xml", "FIXT11.xml"};
  SessionSpec spec;
  spec.session_id = 1 + version;
  spec.begin_string = begin_strings[version];
  spec.sender_comp_id = "OUTCRY";
  spec.target_comp_id = "TRADER1";
  spec.transport_dictionary = std::string(OUTCRY_DICTIONARIES "/") + files[version];
  spec.app_dictionary = version == 2 ? OUTCRY_DICTIONARIES "/FIX50SP2.xml" : spec.transport_dictionary;
  if (relaxed) {
    spec.validate_fields_out_of_order = spec.validate_fields_have_values = spec.validate_user_defined_fields = false;
    spec.allow_unknown_msg_fields = true;
  }
  return spec;
}

const std::shared_ptr<const Dictionaries>& dictionaries_of(int version, bool relaxed) {
  static std::shared_ptr<const Dictionaries> loaded[2][version_count];
  // That of FIX.5.0SP2 takes seconds in a build for a sanitizer: once is enough.
  const bool rules = relaxed && version < 2;
  auto& result = loaded[rules][version];
  if (!result) result = load_dictionaries(spec_of(version, rules));
  return result;
}

std::string peer_message(int version, std::string_view msg_type, uint64_t number, std::string_view body) {
  const SessionSpec spec = spec_of(version, false);
  std::string message;
  Encoder(spec.begin_string, spec.target_comp_id, spec.sender_comp_id).append(message, msg_type, number, now_text, body);
  return message;
}

}  // namespace outcry::fuzz

// Called once by the fuzzer: loading is no part of an input's time.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  for (int version = 0; version < outcry::fuzz::version_count; ++version)
    for (const bool relaxed : {false, true}) outcry::fuzz::dictionaries_of(version, relaxed);
  return 0;
}
