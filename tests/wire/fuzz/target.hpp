// What every fuzz target shares: the way a broken property ends the run, and FIX text in short form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// What the fuzzer and the replay call with each input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace outcry::fuzz {

[[noreturn]] inline void broken(const char* property, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
  std::abort();
}

/// A property that has to hold for every input; where it does not, the run ends and the input is kept.
#define HOLDS(property) ((property) ? void(0) : ::outcry::fuzz::broken(#property, __FILE__, __LINE__))

constexpr char soh = '\x01';

inline std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

inline bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

inline bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The fields of a message as they stand in it, "tag=value", without their separators.
inline std::vector<std::string_view> fields_of(std::string_view message) {
  std::vector<std::string_view> fields;
  for (size_t at = 0; at < message.size();) {
    const size_t end = message.find(soh, at);
    if (end == std::string_view::npos) break;
    fields.push_back(message.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

}  // namespace outcry::fuzz
