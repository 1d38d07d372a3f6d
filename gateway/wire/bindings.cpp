// The class that Python sees; together with the conversions, all that knows Python. The interpreter lock is released
// before any lock of the wire is taken, and none of the wire's threads ever takes it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <set>
#include <unordered_map>

#include "from_python.hpp"
#include "to_python.hpp"
#include "wire.hpp"

namespace nb = nanobind;
using namespace outcry::wire;

namespace {

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

  void change_session(nb::handle mapping) {
    SessionSpec spec = read_spec(mapping);
    nb::gil_scoped_release release;
    wire_.change_session(std::move(spec));
  }

  void check_session(nb::handle mapping) {
    const SessionSpec spec = read_spec(mapping);
    nb::gil_scoped_release release;
    load_dictionaries(spec);
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
                                     latin(a.password), latin(a.raw_data), latin(a.signed_text), utf8(a.certificate_cn),
                                     latin(a.new_password))));
    return list;
  }

  void admit(uint64_t attempt_id, bool accepted, const std::string& text, int64_t delay_ms) {
    if (delay_ms < 0) throw std::invalid_argument("a delay is not negative");
    nb::gil_scoped_release release;
    wire_.gate().admit(attempt_id, accepted, text, delay_ms);
  }

  void logout(int session_id, const std::string& text) {
    nb::gil_scoped_release release;
    act(session_id, [text](SessionHost& host) { host.log_out(text); });
  }
  void disconnect(int session_id, const std::string& cause) {
    nb::gil_scoped_release release;
    act(session_id, [cause](SessionHost& host) { host.cut(cause); });
  }
  void pace(int session_id, int64_t microseconds) {
    nb::gil_scoped_release release;
    if (microseconds < 0 || microseconds > 1000000) throw std::invalid_argument("a pause is of 0 to 1000000 microseconds");
    act(session_id, [microseconds](SessionHost& host) { host.pace(microseconds); });
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

  nb::dict statistics() {
    WireStatistics all;
    {
      nb::gil_scoped_release release;
      all = wire_.statistics();
    }
    return outcry::wire::statistics(all);
  }
  static long live_objects() { return Counted::live(); }

 private:
  // Guarded by the interpreter lock.
  static std::set<PyWire*>& living() {
    static std::set<PyWire*> wires;
    return wires;
  }
  void act(int session_id, std::function<void(SessionHost&)> what) { wire_.on_session(session_id, std::move(what)); }
  void add_message(PyObject* item, std::vector<std::shared_ptr<StageBatch>>& batches);
  PyObject* convert(Poll& poll);

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

PyObject* PyWire::convert(Poll& poll) {
  nb::object in = nb::steal(checked(PyList_New(0))), out = nb::steal(checked(PyList_New(Py_ssize_t(poll.outbound.size()))));
  for (size_t i = 0; i < poll.outbound.size(); ++i) PyList_SET_ITEM(out.ptr(), Py_ssize_t(i), outbound(poll.outbound[i]));
  uint64_t oldest = 0;
  for (Taken& taken : poll.taken) {
    Chunk& chunk = *taken.chunk;
    if (!oldest || chunk.read_ns < oldest) oldest = chunk.read_ns;
    for (size_t i = 0; i < taken.items; ++i) {
      const Inbound& next = chunk.items[chunk.items_taken++];
      if (next.kind == Inbound::reset) taken.queue->resets.fetch_sub(1);
      const nb::object item = nb::steal(inbound(next, chunk, wire_.schema(), msg_types_));
      if (PyList_Append(in.ptr(), item.ptr()) != 0) throw nb::python_error();
    }
  }
  {
    nb::gil_scoped_release release;
    wire_.hub().polled(poll);
    poll.taken.clear();
    poll.outbound.clear();
  }
  return tuple_of(in.release().ptr(), out.release().ptr(), number(oldest));
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
      .def("change_session", &PyWire::change_session, nb::arg("spec"))
      .def("check_session", &PyWire::check_session, nb::arg("spec"))
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
      .def("admit", &PyWire::admit, nb::arg("attempt_id"), nb::arg("accepted"), nb::arg("text"),
           nb::arg("delay_ms") = 0)
      .def("logout", &PyWire::logout, nb::arg("session_id"), nb::arg("text"))
      .def("disconnect", &PyWire::disconnect, nb::arg("session_id"), nb::arg("cause"))
      .def("pace", &PyWire::pace, nb::arg("session_id"), nb::arg("microseconds"))
      .def("enable", &PyWire::enable, nb::arg("session_id"), nb::arg("enabled"))
      .def("reset", &PyWire::reset, nb::arg("session_id"))
      .def("renumber", &PyWire::renumber, nb::arg("session_id"), nb::arg("next_sender"), nb::arg("next_target"))
      .def("set_message_log", &PyWire::set_message_log, nb::arg("path"), nb::arg("bytes_max"), nb::arg("files_max"))
      .def("stop_accepting", &PyWire::stop_accepting)
      .def("stop", &PyWire::stop, nb::arg("timeout_ms"))
      .def("statistics", &PyWire::statistics)
      .def_static("live_objects", &PyWire::live_objects);
}
