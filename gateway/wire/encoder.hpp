// Numbered FIX messages written straight into a buffer: no field objects on the way out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outcry::wire {

/// UTCTimestamp text of a moment; the part up to the second is kept and only formatted anew when it changes.
class TimestampFormat {
 public:
  /// Valid until the next call. `precision` is the count of decimals of the second, 0..9.
  std::string_view text(int64_t wall_ns, int precision);

 private:
  int64_t second_ = -1;
  int64_t wall_ns_ = -1;
  int precision_ = -1;
  char text_[32];
};

/// The constant parts of one session's outgoing messages.
class Encoder {
 public:
  Encoder(const std::string& begin_string, const std::string& sender, const std::string& target);

  /// Appends one message to `out` and returns its length. `body` is "tag=value<SOH>..." and may begin with header
  /// fields such as 97=Y: it follows directly on the header.
  size_t append(std::string& out, std::string_view msg_type, uint64_t msg_seq_num, std::string_view sending_time,
                std::string_view body) const;

 private:
  std::string begin_;   // 8=...<SOH>9=
  std::string sender_;  // <SOH>49=...<SOH>52=
  std::string target_;  // <SOH>56=...<SOH>
};

/// Sum of all bytes modulo 256, as CheckSum(10) wants it.
unsigned checksum(const char* data, size_t length) noexcept;

/// Writes `value` in decimal at `out` and returns the end.
char* write_decimal(char* out, uint64_t value) noexcept;

}  // namespace outcry::wire
