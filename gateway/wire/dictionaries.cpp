#include "dictionaries.hpp"

#include <mutex>
#include <stdexcept>

#include "Message.h"
#include "pugixml.hpp"

namespace outcry::wire {

namespace {

void warm_group(const FIX::DataDictionary& dictionary, const std::string& msg_type, const std::vector<int>& tags) {
  for (const int tag : tags) {
    int delimiter = 0;
    const FIX::DataDictionary* group = nullptr;
    if (!dictionary.getGroup(msg_type, tag, delimiter, group)) continue;
    group->getOrderedFields();
    warm_group(*group, msg_type, tags);
  }
}

// QuickFIX fills some tables of a dictionary at their first use, without a lock. Sessions of several threads share a
// dictionary, so all of that is done here, before anyone else sees it.
void warm(const FIX::DataDictionary& dictionary, const std::string& path) {
  pugi::xml_document document;
  if (!document.load_file(path.c_str())) throw std::invalid_argument("dictionary " + path + " is not XML");
  std::vector<int> groups;
  for (const pugi::xml_node field : document.child("fix").child("fields").children("field")) {
    const std::string type = field.attribute("type").value();
    if (type == "NUMINGROUP" || type == "INT") groups.push_back(field.attribute("number").as_int());
  }
  dictionary.getOrderedFields();
  warm_group(dictionary, "_header_", groups);
  warm_group(dictionary, "_trailer_", groups);
  const bool ordered = dictionary.isMessageFieldsOrderPreserved();
  for (const pugi::xml_node message : document.child("fix").child("messages").children("message")) {
    const std::string msg_type = message.attribute("msgtype").value();
    warm_group(dictionary, msg_type, groups);
    if (!ordered) continue;
    try {
      dictionary.getMessageOrderedFields(msg_type);
    } catch (const FIX::ConfigError&) {
      // A message without fields has no order to keep.
    }
  }
  if (ordered) {
    try {
      dictionary.getHeaderOrderedFields();
      dictionary.getTrailerOrderedFields();
    } catch (const FIX::ConfigError&) {
      // An application dictionary of FIX 5 has neither.
    }
  }
}

std::shared_ptr<FIX::DataDictionary> load(const std::string& path, const SessionSpec& spec) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<FIX::DataDictionary>> loaded;
  const bool switches[] = {spec.validate_fields_out_of_order,  spec.validate_fields_have_values,
                           spec.validate_user_defined_fields,  spec.allow_unknown_msg_fields,
                           spec.preserve_message_fields_order};
  std::string key = path;
  for (const bool value : switches) key += value ? '\x01' : '\x02';
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto shared = loaded[key].lock()) return shared;
  try {
    auto dictionary = std::make_shared<FIX::DataDictionary>(path, switches[4]);
    dictionary->checkFieldsOutOfOrder(switches[0]);
    dictionary->checkFieldsHaveValues(switches[1]);
    dictionary->checkUserDefinedFields(switches[2]);
    dictionary->allowUnknownMsgFields(switches[3]);
    warm(*dictionary, path);
    loaded[key] = dictionary;
    return dictionary;
  } catch (const FIX::ConfigError& error) {
    throw std::invalid_argument("dictionary " + path + ": " + error.what());
  }
}

}  // namespace

FIX::DataDictionaryProvider Dictionaries::provider(const SessionSpec& spec) const {
  FIX::DataDictionaryProvider provider;
  provider.addTransportDataDictionary(FIX::BeginString(spec.begin_string), transport);
  provider.addApplicationDataDictionary(
      fixt ? FIX::ApplVerID(spec.default_appl_ver_id) : FIX::Message::toApplVerID(FIX::BeginString(spec.begin_string)),
      application);
  return provider;
}

FIX::Message Dictionaries::parse(const std::string& text) const {
  FIX::Message message(text, *transport, *application, false);
  if (fixt && message.isApp())
    FIX::DataDictionary::validate(message, transport.get(), application.get());
  else
    transport->validate(message);
  return message;
}

std::shared_ptr<const Dictionaries> load_dictionaries(const SessionSpec& spec) {
  auto result = std::make_shared<Dictionaries>();
  result->fixt = spec.is_fixt();
  result->transport = load(spec.transport_dictionary, spec);
  if (result->transport->getVersion() != spec.begin_string)
    throw std::invalid_argument("dictionary " + spec.transport_dictionary + " is of " + result->transport->getVersion() +
                                ", the session is of " + spec.begin_string);
  result->application = result->fixt ? load(spec.app_dictionary, spec) : result->transport;
  return result;
}

}  // namespace outcry::wire
