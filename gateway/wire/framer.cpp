#include "framer.hpp"

#include <cstring>

#include "encoder.hpp"

namespace outcry::wire {

namespace {

constexpr char separator = '\x01';
constexpr size_t begin_string_max = 16;    // "8=FIXT.1.1" and shorter ones
constexpr size_t length_digits_max = 9;
constexpr size_t trailer_length = 7;       // 10=ddd<SOH>
constexpr size_t keep_capacity = 64 << 10;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void Framer::feed(const char* data, size_t length) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > keep_capacity) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(data, length);
}

void Framer::shrink() {
  if (at_ == buffer_.size() && buffer_.capacity() > keep_capacity) {
    std::string().swap(buffer_);
    at_ = 0;
  }
}

Framer::Result Framer::next(std::string_view& message) {
  for (;;) {
    switch (frame(message)) {
      case Step::message:
        at_ += length_;
        garbage_ = 0;
        return Result::message;
      case Step::need_more:
        return Result::need_more;
      case Step::cut:
        return Result::cut;
      case Step::garbled:
        ++garbled_;
        if (!resynchronise(at_ + 1)) return garbage_ > garbage_max_ ? Result::cut : Result::need_more;
        if (garbage_ > garbage_max_) return Result::cut;
    }
  }
}

// Moves to the next place where a message can begin. False: there is none yet.
bool Framer::resynchronise(size_t from) {
  const size_t before = at_;
  const size_t found = buffer_.find("8=FIX", from);
  if (found != std::string::npos) {
    at_ = found;
  } else {
    // The start of "8=FIX" may be the last bytes that have come.
    at_ = buffer_.size();
    for (size_t keep = 4; keep > 0; --keep) {
      if (buffer_.size() >= from + keep && buffer_.compare(buffer_.size() - keep, keep, "8=FIX", keep) == 0) {
        at_ = buffer_.size() - keep;
        break;
      }
    }
  }
  garbage_ += at_ - before;
  if (garbage_ > garbage_max_)
    cause_ = "more than " + std::to_string(garbage_max_) + " bytes outside of messages";
  return found != std::string::npos;
}

Framer::Step Framer::check_start() {
  static const char start[] = "8=FIX";
  const size_t have = buffer_.size() - at_;
  if (std::memcmp(buffer_.data() + at_, start, have < 5 ? have : 5) != 0) return Step::garbled;
  return have < 5 ? Step::need_more : Step::message;
}

Framer::Step Framer::frame(std::string_view& message) {
  const size_t have = buffer_.size() - at_;
  if (have == 0) return Step::need_more;
  const Step start = check_start();
  if (start != Step::message) return start;
  const char* const data = buffer_.data() + at_;
  const size_t limit = have < begin_string_max ? have : begin_string_max;
  const char* end = static_cast<const char*>(std::memchr(data, separator, limit));
  if (!end) return have < begin_string_max ? Step::need_more : Step::garbled;
  size_t at = size_t(end - data) + 1;
  if (have >= at + 1 && data[at] != '9') return Step::garbled;
  if (have >= at + 2 && data[at + 1] != '=') return Step::garbled;
  at += 2;
  size_t body_length = 0, digits = 0;
  for (; at < have && is_digit(data[at]); ++at) {
    if (++digits > length_digits_max + 1) return Step::garbled;
    body_length = body_length * 10 + size_t(data[at] - '0');
  }
  if (at >= have) return digits <= length_digits_max + 1 ? Step::need_more : Step::garbled;
  if (data[at] != separator || digits == 0) return Step::garbled;
  if (body_length > body_max_) {
    cause_ = "BodyLength(9) is " + std::to_string(body_length) + ", allowed is " + std::to_string(body_max_);
    return Step::cut;
  }
  ++at;
  if (have >= at + 3 && std::memcmp(data + at, "35=", 3) != 0) return Step::garbled;
  const size_t body_end = at + body_length;
  if (have < body_end + trailer_length) return Step::need_more;
  const char* trailer = data + body_end;
  if (body_length < 5 || trailer[-1] != separator || std::memcmp(trailer, "10=", 3) != 0 || !is_digit(trailer[3]) ||
      !is_digit(trailer[4]) || !is_digit(trailer[5]) || trailer[6] != separator)
    return Step::garbled;
  const unsigned sum = unsigned(trailer[3] - '0') * 100 + unsigned(trailer[4] - '0') * 10 + unsigned(trailer[5] - '0');
  if (validate_checksum_ && checksum(data, body_end) != sum) return Step::garbled;
  length_ = body_end + trailer_length;
  message = {data, length_};
  return Step::message;
}

HeaderView read_header(std::string_view message) {
  HeaderView header;
  size_t at = 0;
  int wanted = 6;
  while (at < message.size() && wanted > 0) {
    const size_t equals = message.find('=', at);
    if (equals == std::string_view::npos) break;
    size_t end = message.find(separator, equals);
    if (end == std::string_view::npos) break;
    const std::string_view tag = message.substr(at, equals - at), value = message.substr(equals + 1, end - equals - 1);
    std::string_view* field = nullptr;
    if (tag == "8") field = &header.begin_string;
    else if (tag == "35") field = &header.msg_type;
    else if (tag == "34") field = &header.msg_seq_num;
    else if (tag == "49") field = &header.sender_comp_id;
    else if (tag == "52") field = &header.sending_time;
    else if (tag == "56") field = &header.target_comp_id;
    if (field && !field->data()) {
      *field = value;
      --wanted;
    }
    at = end + 1;
  }
  return header;
}

std::string_view find_field(std::string_view message, int tag) {
  char pattern[16];
  pattern[0] = separator;
  char* end = write_decimal(pattern + 1, uint64_t(tag));
  *end++ = '=';
  const size_t found = message.find({pattern, size_t(end - pattern)});
  if (found == std::string_view::npos) return {};
  const size_t start = found + size_t(end - pattern);
  const size_t stop = message.find(separator, start);
  return message.substr(start, stop == std::string_view::npos ? stop : stop - start);
}

bool parse_number(std::string_view text, uint64_t& value) {
  if (text.empty() || text.size() > 18) return false;
  uint64_t result = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    result = result * 10 + uint64_t(c - '0');
  }
  value = result;
  return true;
}

}  // namespace outcry::wire
