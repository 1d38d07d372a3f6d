// Everything that knows Python: conversions both ways, and nothing else. The interpreter lock is released before any
// lock of the wire is taken, and none of the wire's threads ever takes it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>
#include <set>
#include <unordered_map>

#include "wire.hpp"

namespace nb = nanobind;
using namespace outcry::wire;

namespace {

// --- C++ to Python ---------------------------------------------------------------------------------------------------

PyObject* checked(PyObject* object) {
  if (!object) throw nb::python_error();
  return object;
}

PyObject* ascii(const char* data, size_t length) {
  if (length == 1) return checked(PyUnicode_FromOrdinal(static_cast<unsigned char>(*data)));  // shared by the interpreter
  PyObject* text = checked(PyUnicode_New(Py_ssize_t(length), 127));
  if (length) std::memcpy(PyUnicode_1BYTE_DATA(text), data, length);
  return text;
}

PyObject* latin(std::string_view text) { return checked(PyUnicode_DecodeLatin1(text.data(), Py_ssize_t(text.size()), nullptr)); }

PyObject* number(uint64_t value) { return checked(PyLong_FromUnsignedLongLong(value)); }
PyObject* integer(int64_t value) { return checked(PyLong_FromLongLong(value)); }
PyObject* boolean(bool value) { return Py_NewRef(value ? Py_True : Py_False); }

// Takes over the references of its arguments.
template <class... Items>
PyObject* tuple_of(Items*... items) {
  PyObject* tuple = checked(PyTuple_New(sizeof...(Items)));
  Py_ssize_t at = 0;
  (PyTuple_SET_ITEM(tuple, at++, items), ...);
  return tuple;
}

struct Reader {
  const Chunk& chunk;
  size_t at;

  PyObject* value(const FieldNode& node) {
    const Value& value = chunk.values[at++];
    switch (value.kind) {
      case Value::none:
        return Py_NewRef(Py_None);
      case Value::integer:
        return integer(value.number);
      case Value::text:
        return ascii(chunk.text.data() + value.number, value.length);
      case Value::bytes:
        return latin({chunk.text.data() + value.number, value.length});
      case Value::group:
        return node.kind == 'o' ? fields(node.fields) : group(node, value.length);
    }
    CHECK(false);
  }

  PyObject* fields(const std::vector<FieldNode>& nodes) {
    PyObject* tuple = checked(PyTuple_New(Py_ssize_t(nodes.size())));
    for (size_t i = 0; i < nodes.size(); ++i) PyTuple_SET_ITEM(tuple, Py_ssize_t(i), value(nodes[i]));
    return tuple;
  }

  PyObject* group(const FieldNode& node, size_t count) {
    PyObject* tuple = checked(PyTuple_New(Py_ssize_t(count)));
    for (size_t i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple, Py_ssize_t(i), fields(node.fields));
    return tuple;
  }
};

// --- Python to C++ ---------------------------------------------------------------------------------------------------

std::vector<FieldNode> read_fields(nb::handle specs, int depth) {
  if (depth > 4) throw std::invalid_argument("schema: groups are nested too deep");
  std::vector<FieldNode> fields;
  for (nb::handle spec : specs) {
    const nb::tuple pair = nb::cast<nb::tuple>(spec);
    if (nb::len(pair) != 2) throw std::invalid_argument("schema: a field is (tag, kind) or (tag, (fields...))");
    FieldNode node;
    node.tag = nb::cast<int>(pair[0]);
    if (nb::isinstance<nb::str>(pair[1])) {
      const std::string kind = nb::cast<std::string>(pair[1]);
      if (kind.size() != 1 || !std::strchr("tidu", kind[0])) throw std::invalid_argument("schema: kind '" + kind + "' is not t, i, d or u");
      node.kind = kind[0];
    } else {
      node.kind = node.tag == 0 ? 'o' : 'g';
      node.fields = read_fields(pair[1], depth + 1);
      if (node.kind == 'o' && depth > 0) throw std::invalid_argument("schema: options stand in a message, not in a group");
    }
    fields.push_back(std::move(node));
  }
  if (fields.size() > 256) throw std::invalid_argument("schema: more than 256 fields");
  return fields;
}

Schema read_schema(nb::handle mapping) {
  Schema schema;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    schema.add(nb::cast<std::string>(pair[0]), read_fields(pair[1], 0));
  }
  return schema;
}

Options read_options(nb::handle mapping) {
  Options options;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    options.set(nb::cast<std::string>(pair[0]), nb::cast<int64_t>(pair[1]));
  }
  return options;
}

template <class T>
bool take(const std::string& key, nb::handle value, std::initializer_list<std::pair<const char*, T SessionSpec::*>> members,
          SessionSpec& spec) {
  for (const auto& [name, member] : members)
    if (key == name) {
      spec.*member = nb::cast<T>(value);
      return true;
    }
  return false;
}

void read_spec_item(SessionSpec& spec, const std::string& key, nb::handle value) {
  using S = SessionSpec;
  const bool known =
      take<int>(key, value, {{"session_id", &S::session_id}, {"heart_bt_int_min", &S::heart_bt_int_min},
                             {"heart_bt_int_max", &S::heart_bt_int_max}, {"max_latency_s", &S::max_latency_s},
                             {"timestamp_precision", &S::timestamp_precision}, {"logon_timeout_s", &S::logon_timeout_s},
                             {"logout_timeout_s", &S::logout_timeout_s}, {"epoch", &S::epoch}}, spec) ||
      take<std::string>(key, value, {{"begin_string", &S::begin_string}, {"sender_comp_id", &S::sender_comp_id},
                                     {"target_comp_id", &S::target_comp_id}, {"default_appl_ver_id", &S::default_appl_ver_id},
                                     {"transport_dictionary", &S::transport_dictionary},
                                     {"app_dictionary", &S::app_dictionary}, {"certificate_cn", &S::certificate_cn}}, spec) ||
      take<bool>(key, value, {{"check_latency", &S::check_latency}, {"reset_on_logon", &S::reset_on_logon},
                              {"reset_on_logout", &S::reset_on_logout}, {"reset_on_disconnect", &S::reset_on_disconnect},
                              {"refresh_on_logon", &S::refresh_on_logon},
                              {"send_redundant_resend_requests", &S::send_redundant_resend_requests},
                              {"send_next_expected_msg_seq_num", &S::send_next_expected_msg_seq_num},
                              {"validate_length_and_checksum", &S::validate_length_and_checksum},
                              {"validate_fields_out_of_order", &S::validate_fields_out_of_order},
                              {"validate_fields_have_values", &S::validate_fields_have_values},
                              {"validate_user_defined_fields", &S::validate_user_defined_fields},
                              {"allow_unknown_msg_fields", &S::allow_unknown_msg_fields},
                              {"preserve_message_fields_order", &S::preserve_message_fields_order},
                              {"require_tls", &S::require_tls}, {"enabled", &S::enabled}}, spec) ||
      take<uint64_t>(key, value, {{"next_sender", &S::next_sender}, {"next_target", &S::next_target},
                                  {"written_through", &S::written_through}, {"reserved_through", &S::reserved_through}}, spec) ||
      take<int64_t>(key, value, {{"created_s", &S::created_s}}, spec) ||
      take<std::vector<std::string>>(key, value, {{"allowed_remote_addresses", &S::allowed_remote_addresses}}, spec) ||
      take<std::vector<int>>(key, value, {{"ports", &S::ports}}, spec);
  if (!known) throw std::invalid_argument("session: unknown key " + key);
}

SessionSpec read_spec(nb::handle mapping) {
  SessionSpec spec;
  for (nb::handle item : mapping.attr("items")()) {
    const nb::tuple pair = nb::cast<nb::tuple>(item);
    const std::string key = nb::cast<std::string>(pair[0]);
    try {
      read_spec_item(spec, key, pair[1]);
    } catch (const nb::cast_error&) {
      throw std::invalid_argument("session: value of " + key + " has the wrong type");
    }
  }
  if (spec.sender_comp_id.empty() || spec.target_comp_id.empty()) throw std::invalid_argument("session: both CompIDs are needed");
  if (spec.transport_dictionary.empty()) throw std::invalid_argument("session: transport_dictionary is needed");
  if (spec.app_dictionary.empty()) spec.app_dictionary = spec.transport_dictionary;
  if (spec.timestamp_precision < 0 || spec.timestamp_precision > 9) throw std::invalid_argument("session: timestamp_precision is not 0..9");
  if (spec.next_sender < 1 || spec.next_target < 1 || spec.epoch < 1) throw std::invalid_argument("session: numbers begin with 1");
  return spec;
}

std::string_view text_of(PyObject* object) {
  Py_ssize_t length = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object, &length);
  if (!data) throw nb::python_error();
  return {data, size_t(length)};
}

void check_message(std::string_view msg_type, std::string_view body) {
  if (msg_type.empty()) throw std::invalid_argument("a message has a type");
  if (!body.empty() && body.back() != '\x01') throw std::invalid_argument("a body ends with a separator");
}

// --- the class -------------------------------------------------------------------------------------------------------

class PyWire {
 public:
  PyWire(nb::handle schema, nb::handle options) : wire_(read_schema(schema), read_options(options)) {
    living().insert(this);
    for (size_t i = 0; i < wire_.schema().size(); ++i)
      msg_types_.push_back(nb::steal<nb::str>(checked(PyUnicode_InternFromString(wire_.schema().at(int(i)).msg_type.c_str()))));
  }
  ~PyWire() {
    living().erase(this);
    nb::gil_scoped_release release;
    wire_.stop(0);
  }

  /// Threads that outlive the interpreter would run into destroyed globals.
  static void stop_all() {
    for (PyWire* wire : living()) wire->stop(0);
  }

  int listen(const std::string& host, int port, std::optional<std::map<std::string, std::string>> tls) {
    nb::gil_scoped_release release;
    if (port < 0 || port > 65535) throw std::invalid_argument("listen: port is not 0..65535");
    return wire_.gate().listen(host, port, tls ? std::make_shared<TlsContext>(*tls) : nullptr);
  }

  void add_session(nb::handle mapping) {
    SessionSpec spec = read_spec(mapping);
    const int session_id = spec.session_id;
    int io;
    {
      nb::gil_scoped_release release;
      io = wire_.add_session(std::move(spec));
    }
    io_of_[session_id] = io;
  }

  void remove_session(int session_id) {
    io_of_.erase(session_id);
    nb::gil_scoped_release release;
    wire_.remove_session(session_id);
  }

  void set_windows(int session_id, const Windows& session, const Windows& logon) {
    nb::gil_scoped_release release;
    wire_.set_windows(session_id, session, logon);
  }

  void start() { wire_.gate().start(); }

  nb::object poll(int64_t timeout_ms) {
    Poll poll;
    {
      nb::gil_scoped_release release;
      wire_.hub().poll(timeout_ms < 0 ? 0 : timeout_ms, size_t(wire_.options().batch_max), poll);
    }
    return nb::steal(convert(poll));
  }

  void wake() {
    wire_.hub().wake();
    wire_.gate().wake();
  }

  int stage(uint64_t batch_id, nb::handle messages) {
    if (batch_id == 0) throw std::invalid_argument("stage: batch_id 0 is for messages outside of batches");
    const nb::object fast = nb::steal(checked(PySequence_Fast(messages.ptr(), "stage: messages is not a sequence")));
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(fast.ptr());
    PyObject** const items = PySequence_Fast_ITEMS(fast.ptr());
    std::vector<std::shared_ptr<StageBatch>> batches(wire_.io_count());
    for (Py_ssize_t i = 0; i < count; ++i) add_message(items[i], batches);
    nb::gil_scoped_release release;
    int parts = 0;
    for (size_t index = 0; index < batches.size(); ++index) {
      std::shared_ptr<StageBatch> batch = std::move(batches[index]);
      if (!batch) continue;
      batch->batch_id = batch_id;
      IoThread& io = wire_.io(index);
      wire_.hub().expect(1);
      if (io.post([&io, batch] { io.stage(*batch); }))
        ++parts;
      else
        wire_.hub().expect(-1);
    }
    return parts;
  }

  void publish(nb::handle session_ids, const std::string& msg_type, const std::string& body) {
    check_message(msg_type, body);
    std::vector<std::shared_ptr<PublishBatch>> batches(wire_.io_count());
    for (nb::handle id : session_ids) {
      const auto found = io_of_.find(nb::cast<int>(id));
      if (found == io_of_.end()) continue;
      auto& batch = batches[size_t(found->second)];
      if (!batch) batch = std::make_shared<PublishBatch>();
      batch->session_ids.push_back(found->first);
    }
    nb::gil_scoped_release release;
    for (size_t index = 0; index < batches.size(); ++index) {
      std::shared_ptr<PublishBatch> batch = std::move(batches[index]);
      if (!batch) continue;
      batch->msg_type = msg_type;
      batch->body = body;
      IoThread& io = wire_.io(index);
      io.post([&io, batch] { io.publish(*batch); });
    }
  }

  void release(size_t io, uint64_t serial) {
    nb::gil_scoped_release release;
    wire_.release(io, serial);
  }

  void supply(int session_id, int request_id, nb::handle runs, const std::vector<std::pair<uint64_t, uint64_t>>& gaps) {
    auto supply = std::make_shared<Supply>();
    supply->session_id = session_id;
    supply->request_id = request_id;
    supply->gaps = gaps;
    for (nb::handle run : runs) {
      const nb::tuple part = nb::cast<nb::tuple>(run);
      const nb::bytes bytes = nb::cast<nb::bytes>(part[2]);
      supply->parts.push_back({nb::cast<uint64_t>(part[0]), nb::cast<uint64_t>(part[1]), std::string(bytes.c_str(), bytes.size())});
    }
    nb::gil_scoped_release release;
    act(session_id, [supply](SessionHost& host) { host.supply(std::move(*supply)); });
  }

  nb::list poll_logon(int64_t timeout_ms) {
    std::vector<LogonAttempt> attempts;
    {
      nb::gil_scoped_release release;
      wire_.gate().poll_logon(timeout_ms < 0 ? 0 : timeout_ms, attempts);
    }
    nb::list list;
    for (const LogonAttempt& a : attempts)
      list.append(nb::steal(tuple_of(number(a.attempt_id), integer(a.session_id), latin(a.address), latin(a.username),
                                     latin(a.password), latin(a.raw_data), latin(a.signed_text), utf8(a.certificate_cn))));
    return list;
  }

  void admit(uint64_t attempt_id, bool accepted, const std::string& text) {
    nb::gil_scoped_release release;
    wire_.gate().admit(attempt_id, accepted, text);
  }

  void logout(int session_id, const std::string& text) {
    nb::gil_scoped_release release;
    act(session_id, [text](SessionHost& host) { host.log_out(text); });
  }
  void disconnect(int session_id, const std::string& cause) {
    nb::gil_scoped_release release;
    act(session_id, [cause](SessionHost& host) { host.cut(cause); });
  }
  void enable(int session_id, bool enabled) {
    nb::gil_scoped_release release;
    wire_.enable(session_id, enabled);
  }
  void reset(int session_id) {
    nb::gil_scoped_release release;
    act(session_id, [](SessionHost& host) { host.reset(); });
  }
  void renumber(int session_id, uint64_t next_sender, uint64_t next_target) {
    nb::gil_scoped_release release;
    if (next_sender < 1 || next_target < 1) throw std::invalid_argument("renumber: numbers begin with 1");
    act(session_id, [=](SessionHost& host) { host.renumber(next_sender, next_target); });
  }

  void set_message_log(const std::string& path, int64_t bytes_max, int64_t files_max) {
    nb::gil_scoped_release release;
    wire_.message_log().set(path, bytes_max, files_max);
  }
  void stop_accepting() { wire_.gate().stop_accepting(); }
  void stop(int64_t timeout_ms) {
    nb::gil_scoped_release release;
    wire_.stop(timeout_ms);
  }

  nb::dict statistics();
  static long live_objects() { return Counted::live(); }

 private:
  // Guarded by the interpreter lock.
  static std::set<PyWire*>& living() {
    static std::set<PyWire*> wires;
    return wires;
  }
  void act(int session_id, std::function<void(SessionHost&)> what) { wire_.on_session(session_id, std::move(what)); }
  static PyObject* utf8(const std::string& text) {
    return checked(PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "replace"));
  }
  void add_message(PyObject* item, std::vector<std::shared_ptr<StageBatch>>& batches);
  PyObject* convert(Poll& poll);
  PyObject* inbound(const Inbound& item, Chunk& chunk);
  PyObject* outbound(const Outbound& item);

  Wire wire_;
  std::vector<nb::str> msg_types_;
  // Guarded by the interpreter lock, which every method begins with.
  std::unordered_map<int, int> io_of_;
};

void PyWire::add_message(PyObject* item, std::vector<std::shared_ptr<StageBatch>>& batches) {
  if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 3)
    throw std::invalid_argument("stage: a message is (session_id, msg_type, body)");
  const long session_id = PyLong_AsLong(PyTuple_GET_ITEM(item, 0));
  if (session_id == -1 && PyErr_Occurred()) throw nb::python_error();
  const std::string_view msg_type = text_of(PyTuple_GET_ITEM(item, 1)), body = text_of(PyTuple_GET_ITEM(item, 2));
  check_message(msg_type, body);
  const auto found = io_of_.find(int(session_id));
  // A session that is gone: some thread has to count it.
  auto& batch = batches[found == io_of_.end() ? 0 : size_t(found->second)];
  if (!batch) batch = std::make_shared<StageBatch>();
  StageBatch::Message message;
  message.session_id = int(session_id);
  message.type_at = uint32_t(batch->text.size());
  message.type_length = uint32_t(msg_type.size());
  batch->text += msg_type;
  message.body_at = uint32_t(batch->text.size());
  message.body_length = uint32_t(body.size());
  batch->text += body;
  if (batch->text.size() > UINT32_MAX / 2) throw std::invalid_argument("stage: a batch of more than 2 GB");
  batch->messages.push_back(message);
}

PyObject* PyWire::inbound(const Inbound& item, Chunk& chunk) {
  PyObject* const kind = integer(item.kind);
  PyObject* const session = integer(item.session_id);
  PyObject* const epoch = integer(item.epoch);
  switch (item.kind) {
    case Inbound::app: {
      const MessageSchema& schema = wire_.schema().at(item.schema);
      Reader reader{chunk, chunk.values_taken};
      PyObject* const values = reader.fields(schema.fields);
      chunk.values_taken = reader.at;
      return tuple_of(kind, session, epoch, number(item.number), msg_types_[size_t(item.schema)].inc_ref().ptr(),
                      boolean(item.flag), values);
    }
    case Inbound::numbers:
      return tuple_of(kind, session, epoch, number(item.number));
    case Inbound::logon:
      return tuple_of(kind, session, epoch, latin({chunk.text.data() + item.text_at, item.text_length}));
    case Inbound::logout:
      return tuple_of(kind, session, epoch, boolean(item.flag), latin({chunk.text.data() + item.text_at, item.text_length}));
    case Inbound::reset:
      return tuple_of(kind, session, epoch, integer(item.other), number(item.number));
    case Inbound::resend:
      return tuple_of(kind, session, epoch, number(item.number), number(item.begin), number(item.end), integer(item.other),
                      number(item.serial));
    case Inbound::slow:
      return tuple_of(kind, session, epoch);
  }
  CHECK(false);
}

PyObject* PyWire::outbound(const Outbound& item) {
  PyObject* const kind = integer(item.kind);
  PyObject* const io = integer(item.io);
  PyObject* const serial = number(item.serial);
  switch (item.kind) {
    case Outbound::bytes: {
      PyObject* const runs = checked(PyTuple_New(Py_ssize_t(item.runs.size())));
      for (size_t i = 0; i < item.runs.size(); ++i) {
        const Run& run = item.runs[i];
        PyTuple_SET_ITEM(runs, Py_ssize_t(i),
                         tuple_of(integer(run.session_id), integer(run.epoch), number(run.first_num), number(run.count),
                                  number(run.offset), number(run.length), number(run.written_through)));
      }
      return tuple_of(kind, io, serial, number(item.batch_id), runs,
                      checked(PyBytes_FromStringAndSize(item.blob->data(), Py_ssize_t(item.blob->size()))));
    }
    case Outbound::epoch_begins:
      return tuple_of(kind, io, serial, integer(item.session_id), integer(item.epoch), integer(item.created_s),
                      number(item.next_sender), number(item.next_target));
    case Outbound::reserve:
      return tuple_of(kind, io, serial, integer(item.session_id), integer(item.epoch), number(item.next_sender));
  }
  CHECK(false);
}

PyObject* PyWire::convert(Poll& poll) {
  const size_t batch_max = size_t(wire_.options().batch_max);
  nb::object in = nb::steal(checked(PyList_New(0))), out = nb::steal(checked(PyList_New(Py_ssize_t(poll.outbound.size()))));
  for (size_t i = 0; i < poll.outbound.size(); ++i) PyList_SET_ITEM(out.ptr(), Py_ssize_t(i), outbound(poll.outbound[i]));
  uint64_t oldest = 0;
  size_t taken = 0;
  for (auto& chunk : poll.chunks) {
    if (!oldest) oldest = chunk->read_ns;
    while (chunk->items_taken < chunk->items.size() && taken < batch_max) {
      const nb::object item = nb::steal(inbound(chunk->items[chunk->items_taken++], *chunk));
      if (PyList_Append(in.ptr(), item.ptr()) != 0) throw nb::python_error();
      ++taken;
    }
    // Only the last one can have something left.
    if (chunk->items_taken < chunk->items.size()) wire_.hub().give_back(std::move(chunk));
  }
  {
    nb::gil_scoped_release release;
    poll.chunks.clear();
    poll.outbound.clear();
    if (taken) wire_.hub().taken(taken);
  }
  return tuple_of(in.release().ptr(), out.release().ptr(), number(oldest));
}

nb::dict PyWire::statistics() {
  WireStatistics all;
  {
    nb::gil_scoped_release release;
    all = wire_.statistics();
  }
  nb::dict result, cuts, refused;
  nb::list io_list, sessions;
  std::map<std::string, uint64_t> totals;
  for (const IoStatistics& io : all.io) {
    nb::dict one;
    const std::pair<const char*, uint64_t> values[] = {
        {"messages_in", io.messages_in}, {"messages_out", io.messages_out}, {"bytes_in", io.bytes_in},
        {"bytes_out", io.bytes_out},     {"garbled", io.garbled},           {"md_dropped", io.md_dropped},
        {"staged_unknown", io.staged_unknown}, {"resends", io.resends},     {"connections", io.connections}};
    for (const auto& [name, value] : values) {
      one[name] = value;
      totals[name] += value;
    }
    one["serial"] = io.serial;
    one["released"] = io.released;
    io_list.append(one);
    for (const auto& [cause, count] : io.cuts)
      cuts[cause.c_str()] = count + (cuts.contains(cause.c_str()) ? nb::cast<uint64_t>(cuts[cause.c_str()]) : 0);
    for (const HostStatistics& host : io.hosts) {
      nb::dict entry;
      entry["session_id"] = host.session_id;
      entry["name"] = host.name;
      entry["connected"] = host.connected;
      entry["logged_on"] = host.logged_on;
      entry["enabled"] = host.enabled;
      entry["resending"] = host.resending;
      entry["epoch"] = host.epoch;
      entry["next_sender"] = host.next_sender;
      entry["next_target"] = host.next_target;
      entry["written_through"] = host.written_through;
      entry["held_bytes"] = host.held_bytes;
      entry["queued"] = host.queued;
      entry["peer"] = host.peer;
      sessions.append(entry);
    }
  }
  for (const auto& [reason, count] : all.gate.refused) refused[reason.c_str()] = count;
  for (const auto& [name, value] : totals) result[name.c_str()] = value;
  result["sessions"] = sessions;
  result["io"] = io_list;
  result["cuts"] = cuts;
  result["refused_logons"] = refused;
  result["gate_connections"] = all.gate.connections;
  result["admissions"] = all.gate.admissions;
  result["accepted_logons"] = all.gate.accepted;
  result["in_queue"] = all.in_queue;
  result["log_dropped"] = all.log_dropped;
  return result;
}

}  // namespace

NB_MODULE(_wire, m) {
  // A traceback that outlives the interpreter's end is no leak of ours; the tests count living objects.
  nb::set_leak_warnings(false);
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&PyWire::stop_all));
  m.attr("APP") = int(Inbound::app);
  m.attr("NUMBERS") = int(Inbound::numbers);
  m.attr("LOGON") = int(Inbound::logon);
  m.attr("LOGOUT") = int(Inbound::logout);
  m.attr("RESET") = int(Inbound::reset);
  m.attr("RESEND") = int(Inbound::resend);
  m.attr("SLOW") = int(Inbound::slow);
  m.attr("BYTES") = int(Outbound::bytes);
  m.attr("EPOCH") = int(Outbound::epoch_begins);
  m.attr("RESERVE") = int(Outbound::reserve);
  nb::class_<PyWire>(m, "Wire")
      .def(nb::init<nb::handle, nb::handle>(), nb::arg("schema"), nb::arg("options"))
      .def("listen", &PyWire::listen, nb::arg("host"), nb::arg("port"), nb::arg("tls").none())
      .def("add_session", &PyWire::add_session, nb::arg("spec"))
      .def("remove_session", &PyWire::remove_session, nb::arg("session_id"))
      .def("set_windows", &PyWire::set_windows, nb::arg("session_id"), nb::arg("session"), nb::arg("logon"))
      .def("start", &PyWire::start)
      .def("poll", &PyWire::poll, nb::arg("timeout_ms"))
      .def("wake", &PyWire::wake)
      .def("stage", &PyWire::stage, nb::arg("batch_id"), nb::arg("messages"))
      .def("publish", &PyWire::publish, nb::arg("session_ids"), nb::arg("msg_type"), nb::arg("body"))
      .def("release", &PyWire::release, nb::arg("io"), nb::arg("serial"))
      .def("supply", &PyWire::supply, nb::arg("session_id"), nb::arg("request_id"), nb::arg("runs"),
           nb::arg("gaps") = std::vector<std::pair<uint64_t, uint64_t>>())
      .def("poll_logon", &PyWire::poll_logon, nb::arg("timeout_ms"))
      .def("admit", &PyWire::admit, nb::arg("attempt_id"), nb::arg("accepted"), nb::arg("text"))
      .def("logout", &PyWire::logout, nb::arg("session_id"), nb::arg("text"))
      .def("disconnect", &PyWire::disconnect, nb::arg("session_id"), nb::arg("cause"))
      .def("enable", &PyWire::enable, nb::arg("session_id"), nb::arg("enabled"))
      .def("reset", &PyWire::reset, nb::arg("session_id"))
      .def("renumber", &PyWire::renumber, nb::arg("session_id"), nb::arg("next_sender"), nb::arg("next_target"))
      .def("set_message_log", &PyWire::set_message_log, nb::arg("path"), nb::arg("bytes_max"), nb::arg("files_max"))
      .def("stop_accepting", &PyWire::stop_accepting)
      .def("stop", &PyWire::stop, nb::arg("timeout_ms"))
      .def("statistics", &PyWire::statistics)
      .def_static("live_objects", &PyWire::live_objects);
}
