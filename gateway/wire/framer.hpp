// Cuts a byte stream into FIX messages, bounded, and finds the next message again after garbage as FIX asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outcry::wire {

class Framer {
 public:
  enum class Result { message, need_more, cut };

  Framer(size_t body_length_max, size_t garbage_bytes_max) : body_max_(body_length_max), garbage_max_(garbage_bytes_max) {}

  /// A message whose CheckSum(10) is wrong counts as garbage, unless this is off (ValidateLengthAndChecksum=N).
  void validate_checksum(bool value) { validate_checksum_ = value; }
  void feed(const char* data, size_t length);
  /// `message` is the next whole message, 8= to the end of 10=, and stays valid until the next call of the framer.
  /// After `cut`, `cause()` names the bound that the peer passed; the connection is of no more use.
  Result next(std::string_view& message);
  const std::string& cause() const { return cause_; }
  uint64_t garbled_count() const { return garbled_; }
  size_t buffered() const { return buffer_.size() - at_; }
  std::string_view rest() const { return {buffer_.data() + at_, buffer_.size() - at_}; }
  /// Memory of an idle connection goes back to the allocator.
  void shrink();

 private:
  enum class Step { message, need_more, garbled, cut };
  Step frame(std::string_view& message);
  Step check_start();
  bool resynchronise(size_t from);

  const size_t body_max_, garbage_max_;
  bool validate_checksum_ = true;
  std::string buffer_;
  size_t at_ = 0;
  size_t length_ = 0;   // of the message that `frame` found
  size_t garbage_ = 0;  // bytes skipped since the last good message
  uint64_t garbled_ = 0;
  std::string cause_;
};

/// What the gate and the counters need of a framed message, without parsing it whole.
struct HeaderView {
  std::string_view msg_type, msg_seq_num, begin_string, sender_comp_id, target_comp_id, sending_time;
};
/// Reads fields up to the end of the header; views point into `message`.
HeaderView read_header(std::string_view message);
/// Value of the first field `tag` of a framed message; empty view with nullptr data when there is none.
std::string_view find_field(std::string_view message, int tag);
/// Strict unsigned decimal of at most 18 digits.
bool parse_number(std::string_view text, uint64_t& value);

}  // namespace outcry::wire
