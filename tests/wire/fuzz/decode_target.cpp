// Field decoding: what reaches Python of an application message is what the message says, in the form that was asked for,
// inside of its bounds, and survives being written and read again.
//
// Input: one byte that chooses version and validation, the message type, a separator, the body. The header is right.
#include <ctime>

#include "Message.h"
#include "schema.hpp"
#include "sessions.hpp"

using namespace outcry::wire;
using namespace outcry::fuzz;

namespace {

constexpr size_t msg_type_max = 8;

FieldNode field(int tag, char kind = 't') {
  FieldNode node;
  node.tag = tag;
  node.kind = kind;
  return node;
}

FieldNode group(int tag, std::vector<FieldNode> fields) {
  FieldNode node = field(tag, 'g');
  node.fields = std::move(fields);
  return node;
}

// More kinds and deeper groups than the gateway asks for, a field of the header, and fields that are not in every version.
Schema make_schema() {
  Schema schema;
  schema.add("D", {field(11), field(1), field(55), field(54), field(40), field(44, 'd'), field(38, 'd'), field(59), field(18),
                   field(60, 'u'), field(43), field(58), field(354, 'i'), field(355), field(110, 'd'), field(126, 'u'),
                   field(15), group(78, {field(79), field(80, 'd')})});
  schema.add("F", {field(11), field(41), field(37), field(55), field(54), field(38, 'd'), field(60, 'u')});
  schema.add("V", {field(262), field(263), field(264, 'i'), field(265), field(266), group(267, {field(269)}),
                   group(146, {field(55), field(48), field(231, 'd')})});
  schema.add("E", {field(66), field(394, 'i'), field(68, 'i'),
                   group(73, {field(11), field(67, 'i'), field(55), field(54), field(38, 'd'), field(40), field(354, 'i'),
                              field(355), group(78, {field(79), field(80, 'd')})})});
  schema.add("B", {field(148), field(42, 'u'), group(33, {field(58), field(354, 'i'), field(355)}), field(95, 'i'), field(96)});
  return schema;
}

const Schema& schema() {
  static const Schema made = make_schema();
  return made;
}

struct Decoded {
  std::vector<Value> values;
  std::string text;

  std::string_view text_of(const Value& value) const { return std::string_view(text).substr(size_t(value.number), value.length); }
  bool operator==(const Decoded& other) const {
    if (values.size() != other.values.size()) return false;
    for (size_t i = 0; i < values.size(); ++i) {
      const Value &a = values[i], &b = other.values[i];
      if (a.kind != b.kind || a.length != b.length) return false;
      const bool is_text = a.kind == Value::text || a.kind == Value::bytes;
      if (is_text ? text_of(a) != other.text_of(b) : a.number != b.number) return false;
    }
    return true;
  }
};

Decoded decode(const MessageSchema& fields, const FIX::Message& message) {
  // Python reads from a chunk that holds other messages before this one.
  Decoded decoded;
  decoded.text = "before";
  extract(fields, message, decoded.values, decoded.text);
  return decoded;
}

// --- the judge of conversions: digits, no arithmetic -----------------------------------------------------------------

std::string without_zeros(std::string digits) {
  const size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

// Whether int64_t holds the number that these digits write.
bool is_small(const std::string& digits) {
  const std::string most = "9223372036854775807";  // of either sign: the lowest number itself stays text
  return digits.size() < most.size() || (digits.size() == most.size() && digits <= most);
}

std::string signed_digits(const std::string& digits, bool negative) { return negative && digits != "0" ? "-" + digits : digits; }

// The integer that `text` has to become, as text; "" where it has to stay text.
std::string expected_integer(std::string_view text) {
  const bool negative = starts_with(text, "-");
  if (negative) text.remove_prefix(1);
  if (!is_digits(text)) return "";
  const std::string digits = without_zeros(std::string(text));
  return is_small(digits) ? signed_digits(digits, negative) : "";
}

std::string expected_decimal(std::string_view text) {
  const bool negative = starts_with(text, "-");
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string whole(text.substr(0, point));
  std::string decimals(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (!is_digits(whole + decimals)) return "";
  while (decimals.size() > 8 && decimals.back() == '0') decimals.pop_back();
  if (decimals.size() > 8) return "";
  decimals.resize(8, '0');
  const std::string digits = without_zeros(whole + decimals);
  return is_small(digits) ? signed_digits(digits, negative) : "";
}

std::string expected_timestamp(std::string_view text) {
  std::string padded(text);
  if (padded.size() == 17) padded += ".0";
  if (padded.size() < 19 || padded.size() > 27) return "";
  padded.resize(27, '0');
  const std::string shape = "dddddddd-dd:dd:dd.ddddddddd";
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? padded[i] < '0' || padded[i] > '9' : padded[i] != shape[i]) return "";
  tm parts{};
  strptime(padded.c_str(), "%Y%m%d-%H:%M:%S", &parts);
  const time_t seconds = timegm(&parts);
  char again[32];
  gmtime_r(&seconds, &parts);
  strftime(again, sizeof again, "%Y%m%d-%H:%M:%S", &parts);
  // What the calendar does not have comes back as another day; years are those of the exchange.
  if (padded.substr(0, 17) != again || padded < "19" || padded >= "22") return "";
  const __int128 nanoseconds = __int128(seconds) * 1000000000 + std::atoi(padded.c_str() + 18);
  return std::to_string(int64_t(nanoseconds));
}

std::string expected_number(char kind, std::string_view text) {
  return kind == 'i' ? expected_integer(text) : kind == 'd' ? expected_decimal(text) : kind == 'u' ? expected_timestamp(text) : "";
}

// --- what decoded values have to be ----------------------------------------------------------------------------------

// Walks the values as the bindings do, beside the message.
class Checker {
 public:
  Checker(const Decoded& decoded) : decoded_(decoded) {}

  void fields(const std::vector<FieldNode>& nodes, const FIX::FieldMap& map, const FIX::FieldMap* header) {
    for (const FieldNode& node : nodes) check(node, node.in_header && header ? *header : map);
  }
  bool at_end() const { return at_ == decoded_.values.size(); }

 private:
  void check(const FieldNode& node, const FIX::FieldMap& map) {
    HOLDS(at_ < decoded_.values.size());
    const Value value = decoded_.values[at_++];
    if (!map.isSetField(node.tag)) return HOLDS(value.kind == Value::none);
    const std::string& said = map.getField(node.tag);
    switch (value.kind) {
      case Value::none:
        return HOLDS(false);
      case Value::integer:
        return HOLDS(std::to_string(value.number) == expected_number(node.kind, said));
      case Value::text:
      case Value::bytes:
        return check_text(node, value, said);
      case Value::group:
        return check_group(node, value, map);
    }
  }

  void check_text(const FieldNode& node, const Value& value, const std::string& said) {
    HOLDS(node.kind != 'g' && expected_number(node.kind, said).empty());
    HOLDS(value.number >= 6 && size_t(value.number) + value.length <= decoded_.text.size());
    HOLDS(decoded_.text_of(value) == said);
    bool ascii = true;
    for (const char c : said) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    HOLDS((value.kind == Value::text) == ascii);
  }

  void check_group(const FieldNode& node, const Value& value, const FIX::FieldMap& map) {
    HOLDS(node.kind == 'g' && value.length == map.groupCount(node.tag));
    if (value.length == 0) return;
    for (const FIX::FieldMap* entry : map.groups().at(node.tag)) fields(node.fields, *entry, nullptr);
  }

  const Decoded& decoded_;
  size_t at_ = 0;
};

// --- writing what was read -------------------------------------------------------------------------------------------

std::string decimal_text(int64_t value) {
  std::string digits = std::to_string(value < 0 ? -uint64_t(value) : uint64_t(value));
  if (digits.size() < 9) digits.insert(0, 9 - digits.size(), '0');
  digits.insert(digits.size() - 8, ".");
  return value < 0 ? "-" + digits : digits;
}

std::string number_text(char kind, int64_t value) {
  if (kind == 'd') return decimal_text(value);
  if (kind == 'u') return std::string(TimestampFormat().text(value, 9));
  return std::to_string(value);
}

bool is_before_1970(char kind, int64_t value) { return kind == 'u' && value < 0; }

class Writer {
 public:
  Writer(const Decoded& decoded) : decoded_(decoded) {}

  void fields(const std::vector<FieldNode>& nodes) {
    for (const FieldNode& node : nodes) write(node);
  }
  std::string body;
  bool whole = true;  // false: not everything can be written

 private:
  void write(const FieldNode& node) {
    const Value& value = decoded_.values[at_++];
    if (value.kind == Value::none) return;
    body += std::to_string(node.tag) + '=';
    if (value.kind == Value::group)
      body += std::to_string(value.length);
    else if (value.kind == Value::integer)
      body += number_text(node.kind, value.number);
    else
      body += decoded_.text_of(value);
    // TimestampFormat writes the times of an exchange that runs.
    if (value.kind == Value::integer && is_before_1970(node.kind, value.number)) whole = false;
    body += soh;
    for (uint32_t i = 0; value.kind == Value::group && i < value.length; ++i) {
      // An entry begins with its first field; QuickFIX takes some that do not.
      if (decoded_.values[at_].kind == Value::none) whole = false;
      fields(node.fields);
    }
  }

  const Decoded& decoded_;
  size_t at_ = 0;
};

// The values, written as a message of ours, are read as the same values. False: not everything can be written.
bool check_rewritten(const MessageSchema& fields, const Decoded& decoded, int version, const Dictionaries& files) {
  Writer writer(decoded);
  writer.fields(fields.fields);
  if (!writer.whole) return false;
  const std::string text = peer_message(version, fields.msg_type, 2, writer.body);
  const FIX::Message message(text, *files.transport, *files.application, true);
  HOLDS(decode(fields, message) == decoded);
  return true;
}

// A retransmission is written by QuickFIX from what it read; the peer reads the same.
void check_retransmitted(const MessageSchema& fields, const Decoded& decoded, const FIX::Message& message,
                         const Dictionaries& files) {
  const FIX::Message again = files.parse(message.toString());
  HOLDS(decode(fields, again) == decoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const int version = data[0] % version_count;
  const bool relaxed = data[0] & 64;
  std::string_view rest = text_of(data + 1, size - 1);
  const std::string_view msg_type = rest.substr(0, rest.find(soh));
  if (msg_type.size() > msg_type_max) return 0;
  std::string body(rest.substr(msg_type.size() == rest.size() ? rest.size() : msg_type.size() + 1));
  if (!body.empty() && body.back() != soh) body += soh;
  const Dictionaries& files = *dictionaries_of(version, relaxed);
  const int index = schema().find(std::string(msg_type));
  try {
    const FIX::Message message = files.parse(peer_message(version, msg_type, 2, body));
    if (index < 0) return 0;
    const MessageSchema& fields = schema().at(index);
    const Decoded decoded = decode(fields, message);
    Checker checker(decoded);
    checker.fields(fields.fields, message, &message.getHeader());
    HOLDS(checker.at_end());
    try {
      const bool whole = check_rewritten(fields, decoded, version, files);
      // Relaxed rules let the count of a group be wrong, and then its fields have no one place; nor have those of an
      // entry that does not begin as entries do.
      if (whole && !relaxed) check_retransmitted(fields, decoded, message, files);
    } catch (const FIX::Exception& error) {
      std::fprintf(stderr, "what was read is refused when it is written again: %s\n", error.what());
      HOLDS(false);
    }
  } catch (const FIX::Exception&) {
    // Refused by a rule of FIX; anything else that is thrown ends the run.
  }
  return 0;
}
