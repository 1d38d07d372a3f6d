// The framer: however a stream arrives, the same messages leave it, and they are those of a slow and obvious framer.
//
// Input: one byte of settings, then the stream. The bounds are small, so that inputs reach them.
#include <cstring>

#include "encoder.hpp"
#include "framer.hpp"
#include "target.hpp"

using namespace outcry::wire;
using namespace outcry::fuzz;

namespace {

constexpr size_t begin_max = 16, length_max = 10, trailer_length = 7;
constexpr size_t splits_max = 48;  // of one stream into three pieces; all places in turn where it is shorter

constexpr size_t body_bounds[] = {24, 80, 400, 4000}, garbage_bounds[] = {1, 16, 100, 4000};

struct Settings {
  size_t body_max, garbage_max;
  bool validate_checksum;

  explicit Settings(uint8_t byte)
      : body_max(body_bounds[byte & 3]),
        garbage_max(garbage_bounds[byte >> 2 & 3]),
        validate_checksum(!(byte & 16)) {}
  Framer framer() const {
    Framer result(body_max, garbage_max);
    result.validate_checksum(validate_checksum);
    return result;
  }
};

struct Outcome {
  std::vector<std::string> messages;
  Framer::Result end = Framer::Result::need_more;
  std::string rest;  // what waits for more
};

// --- the judge -------------------------------------------------------------------------------------------------------

enum class Judgement { message, need_more, garbled, cut };

// What stands at the beginning of `text`, field by field.
Judgement judge(std::string_view text, const Settings& settings, size_t& length) {
  const std::string_view start = "8=FIX";
  if (text.substr(0, 5) != start.substr(0, text.size())) return Judgement::garbled;
  const size_t begin_end = text.substr(0, begin_max).find(soh);
  if (begin_end == std::string_view::npos) return text.size() < begin_max ? Judgement::need_more : Judgement::garbled;
  const std::string_view field = text.substr(begin_end + 1);
  if (field.substr(0, 2) != std::string_view("9=").substr(0, field.size())) return Judgement::garbled;
  if (field.size() <= 2) return Judgement::need_more;
  const size_t digits_end = field.find_first_not_of("0123456789", 2);
  const std::string_view digits = field.substr(2, digits_end == std::string_view::npos ? digits_end : digits_end - 2);
  if (digits.size() > length_max) return Judgement::garbled;
  if (digits_end == std::string_view::npos) return Judgement::need_more;
  if (digits.empty() || field[digits_end] != soh) return Judgement::garbled;
  const size_t body_length = std::strtoull(std::string(digits).c_str(), nullptr, 10);
  if (body_length > settings.body_max) return Judgement::cut;
  const std::string_view body = field.substr(digits_end + 1);
  if (body.size() >= 3 && !starts_with(body, "35=")) return Judgement::garbled;
  if (body.size() < body_length + trailer_length) return Judgement::need_more;
  const std::string_view trailer = body.substr(body_length, trailer_length);
  if (body_length < 5 || body[body_length - 1] != soh) return Judgement::garbled;
  if (!starts_with(trailer, "10=") || !is_digits(trailer.substr(3, 3)) || trailer[6] != soh) return Judgement::garbled;
  length = size_t(trailer.data() + trailer_length - text.data());
  unsigned sum = 0;
  for (const char c : text.substr(0, length - trailer_length)) sum += static_cast<unsigned char>(c);
  const bool right = sum % 256 == unsigned(std::atoi(std::string(trailer.substr(3, 3)).c_str()));
  return right || !settings.validate_checksum ? Judgement::message : Judgement::garbled;
}

// The next place behind the first byte where a message begins, or may begin when more has come.
size_t next_start(std::string_view text) {
  const std::string_view start = "8=FIX";
  for (size_t at = 1; at < text.size(); ++at)
    if (text.substr(at, 5) == start.substr(0, text.size() - at)) return at;
  return text.size();
}

Outcome expected(std::string_view stream, const Settings& settings) {
  Outcome outcome;
  size_t garbage = 0;
  while (!stream.empty()) {
    size_t length = 0;
    switch (judge(stream, settings, length)) {
      case Judgement::message:
        outcome.messages.emplace_back(stream.substr(0, length));
        garbage = 0;
        break;
      case Judgement::need_more:
        outcome.rest = stream;
        return outcome;
      case Judgement::cut:
        outcome.end = Framer::Result::cut;
        return outcome;
      case Judgement::garbled:
        length = next_start(stream);
        garbage += length;
    }
    stream.remove_prefix(length);
    if (garbage > settings.garbage_max) {
      outcome.end = Framer::Result::cut;
      return outcome;
    }
  }
  return outcome;
}

// --- what every message and every wait has to be ---------------------------------------------------------------------

bool is_inside(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_field(std::string_view message, int tag) {
  const std::string pattern = std::to_string(tag) + "=";
  const std::vector<std::string_view> fields = fields_of(message);
  const std::string_view found = find_field(message, tag);
  for (size_t i = 1; i < fields.size(); ++i) {
    if (!starts_with(fields[i], pattern)) continue;
    HOLDS(found.data() && is_inside(found, message));
    HOLDS(found == fields[i].substr(pattern.size()));
    return;
  }
  HOLDS(!found.data());
}

void check_message(std::string_view message, const Settings& settings) {
  HOLDS(message.size() <= settings.body_max + begin_max + 2 + length_max + 1 + trailer_length);
  const HeaderView header = read_header(message);
  HOLDS(starts_with(header.begin_string, "FIX") && is_inside(header.begin_string, message));
  for (const std::string_view view : {header.msg_type, header.msg_seq_num, header.sender_comp_id, header.target_comp_id,
                                      header.sending_time})
    HOLDS(!view.data() || is_inside(view, message));
  HOLDS(header.msg_type.data());
  uint64_t number = 0;
  const bool parsed = parse_number(header.msg_seq_num, number);
  HOLDS(parsed == (is_digits(header.msg_seq_num) && header.msg_seq_num.size() <= 18));
  if (parsed) HOLDS(number == std::strtoull(std::string(header.msg_seq_num).c_str(), nullptr, 10));
  for (const int tag : {10, 34, 56, 141, 789}) check_field(message, tag);
}

// Cuts a stream that comes in pieces, and compares with what the judge says.
class Cutter {
 public:
  Cutter(const Settings& settings, const Outcome& wanted) : settings_(settings), wanted_(wanted), framer_(settings.framer()) {}

  /// False: the connection is over.
  bool feed(std::string_view piece) {
    framer_.feed(piece.data(), piece.size());
    std::string_view message;
    Framer::Result result;
    while ((result = framer_.next(message)) == Framer::Result::message)
      HOLDS(count_ < wanted_.messages.size() && message == wanted_.messages[count_++]);
    framer_.shrink();
    ended_ = result == Framer::Result::cut;
    HOLDS(ended_ == !framer_.cause().empty());
    HOLDS(framer_.buffered() == framer_.rest().size());
    // What one peer can make us keep.
    if (!ended_) HOLDS(framer_.buffered() < begin_max + 2 + length_max + 1 + settings_.body_max + trailer_length);
    return !ended_;
  }
  void finish() const {
    HOLDS(count_ == wanted_.messages.size());
    HOLDS(ended_ == (wanted_.end == Framer::Result::cut));
    HOLDS(ended_ || framer_.rest() == wanted_.rest);
  }

 private:
  const Settings& settings_;
  const Outcome& wanted_;
  Framer framer_;
  size_t count_ = 0;
  bool ended_ = false;
};

void check_split(std::string_view stream, size_t first, size_t second, const Settings& settings, const Outcome& wanted) {
  Cutter cutter(settings, wanted);
  for (const std::string_view piece : {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)})
    if (!cutter.feed(piece)) break;
  cutter.finish();
}

void check_byte_by_byte(std::string_view stream, const Settings& settings, const Outcome& wanted) {
  Cutter cutter(settings, wanted);
  for (size_t at = 0; at < stream.size(); ++at)
    if (!cutter.feed(stream.substr(at, 1))) break;
  cutter.finish();
}

// What the encoder makes of any body is one message.
void check_encoded(std::string_view stream) {
  std::string encoded, body(stream);
  body += soh;
  const size_t length = Encoder("FIX.4.4", "OUTCRY", "TRADER1").append(encoded, "8", stream.size(), "20240229-12:00:00", body);
  HOLDS(length == encoded.size());
  Framer framer(encoded.size(), 1);
  framer.feed(encoded.data(), encoded.size());
  std::string_view message;
  HOLDS(framer.next(message) == Framer::Result::message && message == encoded);
  HOLDS(framer.next(message) == Framer::Result::need_more && framer.buffered() == 0);
  HOLDS(Encoder("FIX.4.4", "OUTCRY", "TRADER1").append(encoded, "0", 1, "20240229-12:00:00", {}) == encoded.size() - length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Settings settings(data[0]);
  const std::string_view stream = text_of(data + 1, size - 1);
  const Outcome wanted = expected(stream, settings);
  for (const std::string& message : wanted.messages) check_message(message, settings);
  check_split(stream, stream.size(), stream.size(), settings, wanted);
  check_byte_by_byte(stream, settings, wanted);
  const size_t step = stream.size() / splits_max + 1;
  for (size_t at = 1; at < stream.size(); at += step)
    check_split(stream, at, at + (stream.size() - at) / 2, settings, wanted);
  check_encoded(stream);
  return 0;
}
