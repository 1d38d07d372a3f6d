#include "to_python.hpp"

#include <nanobind/stl/string.h>

#include <cstring>

namespace nb = nanobind;

namespace outcry::wire {

namespace {

PyObject* ascii(const char* data, size_t length) {
  if (length == 1) return checked(PyUnicode_FromOrdinal(static_cast<unsigned char>(*data)));  // shared by the interpreter
  PyObject* text = checked(PyUnicode_New(Py_ssize_t(length), 127));
  if (length) std::memcpy(PyUnicode_1BYTE_DATA(text), data, length);
  return text;
}

PyObject* boolean(bool value) { return Py_NewRef(value ? Py_True : Py_False); }

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

}  // namespace

PyObject* latin(std::string_view text) { return checked(PyUnicode_DecodeLatin1(text.data(), Py_ssize_t(text.size()), nullptr)); }
PyObject* utf8(std::string_view text) { return checked(PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "replace")); }
PyObject* number(uint64_t value) { return checked(PyLong_FromUnsignedLongLong(value)); }
PyObject* integer(int64_t value) { return checked(PyLong_FromLongLong(value)); }

PyObject* inbound(const Inbound& item, Chunk& chunk, const Schema& schema, const std::vector<nb::str>& msg_types) {
  PyObject* const kind = integer(item.kind);
  PyObject* const session = integer(item.session_id);
  PyObject* const epoch = integer(item.epoch);
  switch (item.kind) {
    case Inbound::app: {
      Reader reader{chunk, chunk.values_taken};
      PyObject* const values = reader.fields(schema.at(item.schema).fields);
      chunk.values_taken = reader.at;
      return tuple_of(kind, session, epoch, number(item.number), msg_types[size_t(item.schema)].inc_ref().ptr(),
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

PyObject* outbound(const Outbound& item) {
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

nb::dict statistics(const WireStatistics& all) {
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

}  // namespace outcry::wire
