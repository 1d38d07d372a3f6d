// FIX dictionaries, one instance per file and switches, shared by all sessions and threads.
#pragma once

#include <memory>

#include "DataDictionaryProvider.h"
#include "options.hpp"

namespace outcry::wire {

struct Dictionaries {
  std::shared_ptr<FIX::DataDictionary> transport, application;
  bool fixt = false;

  FIX::DataDictionaryProvider provider(const SessionSpec& spec) const;
  /// Parses and validates one whole message as a Session would; throws what QuickFIX throws.
  FIX::Message parse(const std::string& message) const;
  bool is_data_field(int tag) const { return transport->isDataField(tag) || application->isDataField(tag); }
};

/// The dictionaries of a session. Throws std::invalid_argument that names the file. Any thread.
std::shared_ptr<const Dictionaries> load_dictionaries(const SessionSpec& spec);

}  // namespace outcry::wire
