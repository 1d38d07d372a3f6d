// Which fields of which application message reach Python, and in which form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace FIX {
class FieldMap;
class Message;
}  // namespace FIX

namespace outcry::wire {

/// One extracted value. Groups are followed in the same stream by the values of their entries, entry after entry;
/// options of which none is present are one `none`, else a group of one entry.
struct Value {
  enum Kind : uint8_t { none, text, bytes, integer, group };  // bytes: text with a byte outside of ASCII
  Kind kind = none;
  uint32_t length = 0;  // of a text, or the count of entries of a group
  int64_t number = 0;   // the integer, or where the text starts in the chunk's text
};

struct FieldNode {
  int tag = 0;
  char kind = 't';  // 't' text, 'i' integer, 'd' decimal, 'u' UTCTimestamp, 'g' group, 'o' options: no field, tag 0
  bool in_header = false;
  std::vector<FieldNode> fields;  // of a group; of options: body fields in ascending order of tag
};

struct MessageSchema {
  std::string msg_type;
  std::vector<FieldNode> fields;  // in the order in which Python sees the values
  std::vector<uint16_t> by_tag;   // indexes of the body fields, in ascending order of tag
};

class Schema {
 public:
  void add(const std::string& msg_type, std::vector<FieldNode> fields);
  /// Index of the schema of `msg_type`, or -1.
  int find(const std::string& msg_type) const;
  const MessageSchema& at(int index) const { return messages_[size_t(index)]; }
  size_t size() const { return messages_.size(); }

 private:
  std::vector<MessageSchema> messages_;
  std::unordered_map<std::string, int> index_;
};

/// Appends the values of `message` to `values` and their texts to `text`.
void extract(const MessageSchema& schema, const FIX::Message& message, std::vector<Value>& values, std::string& text);

/// Exact conversions; false where the value has to stay text.
bool parse_integer(std::string_view text, int64_t& value);
bool parse_decimal_e8(std::string_view text, int64_t& value);
bool parse_timestamp_ns(std::string_view text, int64_t& value);

}  // namespace outcry::wire
