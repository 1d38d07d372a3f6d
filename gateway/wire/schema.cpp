#include "schema.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "Message.h"
#include "check.hpp"

namespace outcry::wire {

namespace {

constexpr uint64_t integer_max = uint64_t(std::numeric_limits<int64_t>::max());

// Entries of a group that are converted. One message may hold thousands of orders of seventy fields each, and counts as
// one message for every throttle; so many of them tell that there are too many, and the rest is worth nothing.
constexpr int no_orders = 73;
constexpr size_t orders_max = 17;

size_t entries_max(int tag) { return tag == no_orders ? orders_max : std::numeric_limits<uint32_t>::max(); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool append_digit(uint64_t& value, char c) {
  const uint64_t digit = uint64_t(c - '0');
  if (value > (integer_max - digit) / 10) return false;
  value = value * 10 + digit;
  return true;
}

bool two_digits(std::string_view text, size_t at, int low, int high, int& value) {
  if (!is_digit(text[at]) || !is_digit(text[at + 1])) return false;
  value = (text[at] - '0') * 10 + (text[at + 1] - '0');
  return value >= low && value <= high;
}

// Days from 1970-01-01 in the proleptic Gregorian calendar.
int64_t days_from_civil(int year, int month, int day) {
  year -= month <= 2;
  const int64_t era = year / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

int month_length(int year, int month) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : lengths[month - 1];
}

void append_text(const std::string& value, std::vector<Value>& values, std::string& text) {
  Value result;
  result.kind = Value::text;
  for (const char c : value)
    if (static_cast<unsigned char>(c) >= 0x80) result.kind = Value::bytes;
  result.length = uint32_t(value.size());
  result.number = int64_t(text.size());
  text += value;
  values.push_back(result);
}

void append_value(char kind, const std::string& value, std::vector<Value>& values, std::string& text) {
  Value result;
  result.kind = Value::integer;
  const bool converted = (kind == 'i' && parse_integer(value, result.number)) ||
                         (kind == 'd' && parse_decimal_e8(value, result.number)) ||
                         (kind == 'u' && parse_timestamp_ns(value, result.number));
  if (converted)
    values.push_back(result);
  else
    append_text(value, values, text);
}

void append_group(const FieldNode& node, const FIX::FieldMap& map, std::vector<Value>& values, std::string& text);

const FIX::FieldBase* find_in(const FIX::FieldMap& map, int tag) {
  for (const FIX::FieldBase& field : map)
    if (field.getTag() == tag) return &field;
  return nullptr;
}

void append_node(const FieldNode& node, const FIX::FieldMap& map, std::vector<Value>& values, std::string& text) {
  const FIX::FieldBase* field = find_in(map, node.tag);
  if (!field)
    values.emplace_back();
  else if (node.kind == 'g')
    append_group(node, map, values, text);
  else
    append_value(node.kind, field->getString(), values, text);
}

void append_group(const FieldNode& node, const FIX::FieldMap& map, std::vector<Value>& values, std::string& text) {
  Value head;
  head.kind = Value::group;
  const auto found = map.groups().find(node.tag);
  const size_t count = found == map.groups().end() ? 0 : found->second.size();
  head.length = uint32_t(std::min(count, entries_max(node.tag)));
  values.push_back(head);
  for (size_t i = 0; i < head.length; ++i)
    for (const FieldNode& field : node.fields) append_node(field, *found->second[i], values, text);
}

void append_options(const FieldNode& node, const FIX::Message& message, std::vector<Value>& values, std::string& text) {
  const size_t head = values.size();
  values.emplace_back();
  bool present = false;
  auto field = message.begin();
  for (const FieldNode& option : node.fields) {
    while (field != message.end() && field->getTag() < option.tag) ++field;
    if (field == message.end() || field->getTag() != option.tag) {
      values.emplace_back();
      continue;
    }
    present = true;
    append_value(option.kind, field->getString(), values, text);
  }
  if (present) {
    values[head].kind = Value::group;
    values[head].length = 1;
  } else {
    values.resize(head + 1);
  }
}

void mark_header(std::vector<FieldNode>& fields) {
  for (FieldNode& field : fields) field.in_header = FIX::Message::isHeaderField(field.tag);
}

void check_options(const std::vector<FieldNode>& fields) {
  for (const FieldNode& node : fields) {
    if (node.kind != 'o') continue;
    int last = 0;
    for (const FieldNode& option : node.fields) {
      if (option.kind == 'g' || option.tag <= last || FIX::Message::isHeaderField(option.tag))
        throw std::invalid_argument("schema: options are body fields in ascending order of tag");
      last = option.tag;
    }
  }
}

}  // namespace

void Schema::add(const std::string& msg_type, std::vector<FieldNode> fields) {
  if (index_.count(msg_type)) throw std::invalid_argument("schema of message type " + msg_type + " given twice");
  MessageSchema message;
  message.msg_type = msg_type;
  check_options(fields);
  mark_header(fields);
  message.fields = std::move(fields);
  for (size_t i = 0; i < message.fields.size(); ++i) message.by_tag.push_back(uint16_t(i));
  std::sort(message.by_tag.begin(), message.by_tag.end(),
            [&](uint16_t a, uint16_t b) { return message.fields[a].tag < message.fields[b].tag; });
  index_[msg_type] = int(messages_.size());
  messages_.push_back(std::move(message));
}

int Schema::find(const std::string& msg_type) const {
  const auto found = index_.find(msg_type);
  return found == index_.end() ? -1 : found->second;
}

void extract(const MessageSchema& schema, const FIX::Message& message, std::vector<Value>& values, std::string& text) {
  // QuickFIX keeps the fields of a body in ascending order of tag: one walk over both finds every field.
  const FIX::FieldBase* found[256] = {};
  CHECK(schema.fields.size() <= 256);
  auto field = message.begin();
  for (const uint16_t index : schema.by_tag) {
    const FieldNode& node = schema.fields[index];
    if (node.kind == 'o') continue;
    if (node.in_header) {
      found[index] = find_in(message.getHeader(), node.tag);
      continue;
    }
    while (field != message.end() && field->getTag() < node.tag) ++field;
    if (field != message.end() && field->getTag() == node.tag) found[index] = &*field;
  }
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    const FieldNode& node = schema.fields[i];
    if (node.kind == 'o')
      append_options(node, message, values, text);
    else if (!found[i])
      values.emplace_back();
    else if (node.kind == 'g')
      append_group(node, message, values, text);
    else if (node.kind == 't')
      append_text(found[i]->getString(), values, text);
    else
      append_value(node.kind, found[i]->getString(), values, text);
  }
}

bool parse_integer(std::string_view text, int64_t& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return false;
  uint64_t result = 0;
  for (const char c : text)
    if (!is_digit(c) || !append_digit(result, c)) return false;
  value = negative ? -int64_t(result) : int64_t(result);
  return true;
}

bool parse_decimal_e8(std::string_view text, int64_t& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  uint64_t result = 0;
  int digits = 0, decimals = -1;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (!is_digit(c)) return false;
    ++digits;
    if (decimals >= 0 && ++decimals > 8) {
      if (c != '0') return false;  // more decimals than 10^-8 holds exactly
      continue;
    }
    if (!append_digit(result, c)) return false;
  }
  if (digits == 0) return false;
  for (int i = decimals < 0 ? 0 : decimals; i < 8; ++i)
    if (!append_digit(result, '0')) return false;
  value = negative ? -int64_t(result) : int64_t(result);
  return true;
}

bool parse_timestamp_ns(std::string_view text, int64_t& value) {
  // YYYYMMDD-HH:MM:SS[.f{1,9}]
  if (text.size() < 17 || text.size() == 18 || text.size() > 27) return false;
  int century, year, month, day, hour, minute, second;
  if (!two_digits(text, 0, 19, 21, century) || !two_digits(text, 2, 0, 99, year) || !two_digits(text, 4, 1, 12, month))
    return false;
  year += century * 100;
  if (!two_digits(text, 6, 1, month_length(year, month), day) || text[8] != '-') return false;
  if (!two_digits(text, 9, 0, 23, hour) || text[11] != ':' || !two_digits(text, 12, 0, 59, minute) || text[14] != ':' ||
      !two_digits(text, 15, 0, 59, second))
    return false;
  int64_t nanoseconds = 0;
  if (text.size() > 17) {
    if (text[17] != '.') return false;
    for (size_t i = 18; i < 27; ++i) {
      const char c = i < text.size() ? text[i] : '0';
      if (!is_digit(c)) return false;
      nanoseconds = nanoseconds * 10 + (c - '0');
    }
  }
  const int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  value = seconds * 1000000000 + nanoseconds;
  return true;
}

}  // namespace outcry::wire
