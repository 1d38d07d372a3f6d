// What Python gives: the schema, the options and the sessions. The caller holds the interpreter lock.
#pragma once

#include <nanobind/nanobind.h>

#include "wire.hpp"

namespace outcry::wire {

// All throw std::invalid_argument, which names what is wrong.
Schema read_schema(nanobind::handle mapping);
Options read_options(nanobind::handle mapping);
SessionSpec read_spec(nanobind::handle mapping);

}  // namespace outcry::wire
