#include "encoder.hpp"

#include <cstring>
#include <ctime>

#include "check.hpp"

namespace outcry::wire {

namespace {

void write_padded(char* out, uint64_t value, int digits) noexcept {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = char('0' + value % 10);
}

int count_digits(uint64_t value) noexcept {
  int digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

char* copy(char* out, std::string_view text) noexcept {
  if (text.empty()) return out;  // it may be nowhere, which memcpy must not be told
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

char* write_decimal(char* out, uint64_t value) noexcept {
  const int digits = count_digits(value);
  write_padded(out, value, digits);
  return out + digits;
}

unsigned checksum(const char* data, size_t length) noexcept {
  unsigned sum = 0;
  for (size_t i = 0; i < length; ++i) sum += static_cast<unsigned char>(data[i]);
  return sum & 255;
}

std::string_view TimestampFormat::text(int64_t wall_ns, int precision) {
  const size_t length = precision ? 18 + size_t(precision) : 17;
  if (wall_ns == wall_ns_ && precision == precision_) return {text_, length};
  const int64_t second = wall_ns / 1000000000;
  if (second != second_) {
    const time_t time = time_t(second);
    tm parts{};
    gmtime_r(&time, &parts);
    write_padded(text_, uint64_t(parts.tm_year + 1900), 4);
    write_padded(text_ + 4, uint64_t(parts.tm_mon + 1), 2);
    write_padded(text_ + 6, uint64_t(parts.tm_mday), 2);
    text_[8] = '-';
    write_padded(text_ + 9, uint64_t(parts.tm_hour), 2);
    text_[11] = ':';
    write_padded(text_ + 12, uint64_t(parts.tm_min), 2);
    text_[14] = ':';
    write_padded(text_ + 15, uint64_t(parts.tm_sec), 2);
    text_[17] = '.';
    second_ = second;
  }
  write_padded(text_ + 18, uint64_t(wall_ns % 1000000000), 9);
  wall_ns_ = wall_ns;
  precision_ = precision;
  return {text_, length};
}

Encoder::Encoder(const std::string& begin_string, const std::string& sender, const std::string& target)
    : begin_("8=" + begin_string + "\x01" "9="),
      sender_("\x01" "49=" + sender + "\x01" "52="),
      target_("\x01" "56=" + target + "\x01") {}

size_t Encoder::append(std::string& out, std::string_view msg_type, uint64_t msg_seq_num, std::string_view sending_time,
                       std::string_view body) const {
  CHECK(body.empty() || body.back() == '\x01');
  // 35=T|34=N |49=S|52= stamp |56=T| body
  const size_t body_length = 3 + msg_type.size() + 1 + 3 + size_t(count_digits(msg_seq_num)) + sender_.size() +
                             sending_time.size() + target_.size() + body.size();
  const size_t before = out.size();
  const size_t length = begin_.size() + size_t(count_digits(body_length)) + 1 + body_length + 7;
  out.resize(before + length);
  char* const start = &out[before];
  char* at = copy(start, begin_);
  at = write_decimal(at, body_length);
  at = copy(at, "\x01" "35=");
  at = copy(at, msg_type);
  at = copy(at, "\x01" "34=");
  at = write_decimal(at, msg_seq_num);
  at = copy(at, sender_);
  at = copy(at, sending_time);
  at = copy(at, target_);
  at = copy(at, body);
  const unsigned sum = checksum(start, size_t(at - start));
  at = copy(at, "10=");
  write_padded(at, sum, 3);
  at[3] = '\x01';
  CHECK(at + 4 == start + length);
  return length;
}

}  // namespace outcry::wire
