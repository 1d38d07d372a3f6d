// What Python gets: tuples of what came in and goes out, and the statistics. The caller holds the interpreter lock.
#pragma once

#include <nanobind/nanobind.h>

#include <string_view>
#include <vector>

#include "wire.hpp"

namespace outcry::wire {

/// The object, or the exception that Python has set.
inline PyObject* checked(PyObject* object) {
  if (!object) throw nanobind::python_error();
  return object;
}

PyObject* latin(std::string_view text);
PyObject* utf8(std::string_view text);
PyObject* number(uint64_t value);
PyObject* integer(int64_t value);

/// Takes over the references of its arguments.
template <class... Items>
PyObject* tuple_of(Items*... items) {
  PyObject* tuple = checked(PyTuple_New(sizeof...(Items)));
  Py_ssize_t at = 0;
  (PyTuple_SET_ITEM(tuple, at++, items), ...);
  return tuple;
}

/// The item as `poll` returns it; the values of a message are taken off the chunk.
PyObject* inbound(const Inbound& item, Chunk& chunk, const Schema& schema, const std::vector<nanobind::str>& msg_types);
/// The item as `poll` returns it.
PyObject* outbound(const Outbound& item);
nanobind::dict statistics(const WireStatistics& all);

}  // namespace outcry::wire
