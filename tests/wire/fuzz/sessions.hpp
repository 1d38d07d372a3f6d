// The sessions that the targets speak as: one of each version, by the rules of the shipped dictionaries or relaxed.
#pragma once

#include <memory>

#include "dictionaries.hpp"
#include "encoder.hpp"
#include "options.hpp"
#include "target.hpp"

namespace outcry::fuzz {

constexpr int version_count = 3;
constexpr int64_t now_s = 1709208000;  // 2024-02-29 12:00:00
constexpr const char* now_text = "20240229-12:00:00.000";

wire::SessionSpec spec_of(int version, bool relaxed);

/// Loaded at first use and kept; those of FIXT.1.1 are never relaxed.
const std::shared_ptr<const wire::Dictionaries>& dictionaries_of(int version, bool relaxed);

/// A whole message of the session's peer: only what stands in `body` can be wrong.
std::string peer_message(int version, std::string_view msg_type, uint64_t number, std::string_view body);

}  // namespace outcry::fuzz
