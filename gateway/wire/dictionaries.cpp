#include "dictionaries.hpp"

#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "Message.h"
#include "PUGIXML_DOMDocument.h"

namespace outcry::wire {

namespace {

// QuickFIX's own document looks each component up by a search through all of them, 6,000 times in FIX50SP2.xml: half
// of the time of loading it.
class IndexedDocument final : public FIX::DOMDocument {
 public:
  bool load(std::istream& stream) override { return index(document_.load(stream)); }
  bool load(const std::string& path) override { return index(document_.load_file(path.c_str())); }
  bool xml(std::ostream&) override { return false; }
  FIX::DOMNodePtr getNode(const std::string& path) override {
    static const std::string component = "/fix/components/component[@name='";
    if (path.compare(0, component.size(), component) != 0) {
      const pugi::xpath_node found = document_.select_node(path.c_str());
      return found ? FIX::DOMNodePtr(new FIX::PUGIXML_DOMNode(found.node())) : nullptr;
    }
    const auto found = components_.find(path.substr(component.size(), path.size() - component.size() - 2));
    return found == components_.end() ? nullptr : FIX::DOMNodePtr(new FIX::PUGIXML_DOMNode(found->second));
  }
  std::vector<std::string> msg_types() const {
    std::vector<std::string> result;
    for (const pugi::xml_node message : document_.child("fix").child("messages").children("message"))
      result.push_back(message.attribute("msgtype").value());
    return result;
  }

 private:
  bool index(const pugi::xml_parse_result& result) {
    for (const pugi::xml_node component : document_.child("fix").child("components").children("component"))
      components_.emplace(component.attribute("name").value(), component);
    return bool(result);
  }

  pugi::xml_document document_;
  std::unordered_map<std::string, pugi::xml_node> components_;
};

// Where the order of fields is kept QuickFIX computes it at its first use, without a lock: so it is done here, before
// another thread can see the dictionary.
void compute_orders(const FIX::DataDictionary& dictionary, const std::vector<std::string>& msg_types) {
  const auto attempt = [](auto&& compute) {
    try {
      compute();
    } catch (const FIX::ConfigError&) {
      // Messages without fields, and application dictionaries without a header, have no order to keep.
    }
  };
  for (const std::string& msg_type : msg_types) attempt([&] { dictionary.getMessageOrderedFields(msg_type); });
  attempt([&] { dictionary.getHeaderOrderedFields(); });
  attempt([&] { dictionary.getTrailerOrderedFields(); });
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
    auto document = std::make_unique<IndexedDocument>();
    if (!document->load(path)) throw std::invalid_argument("dictionary " + path + " cannot be read as XML");
    const std::vector<std::string> msg_types = document->msg_types();
    auto dictionary = std::make_shared<FIX::DataDictionary>();
    dictionary->preserveMessageFieldsOrder(switches[4]);
    dictionary->readFromDocument(FIX::DOMDocumentPtr(std::move(document)));
    dictionary->checkFieldsOutOfOrder(switches[0]);
    dictionary->checkFieldsHaveValues(switches[1]);
    dictionary->checkUserDefinedFields(switches[2]);
    dictionary->allowUnknownMsgFields(switches[3]);
    if (switches[4]) compute_orders(*dictionary, msg_types);
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
