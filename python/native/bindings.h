// The parts of skald._native: each binds one header of include/skald, or a few that belong together.
#pragma once

#include <nanobind/nanobind.h>

namespace skald::python {

namespace nb = nanobind;

void bind_errors(nb::module_& m);
void bind_system(nb::module_& m);
void bind_options(nb::module_& m);
void bind_tokenizer(nb::module_& m);
void bind_chat(nb::module_& m);
void bind_outputs(nb::module_& m);
void bind_model(nb::module_& m);
void bind_call(nb::module_& m);
void bind_processors(nb::module_& m);
void bind_session(nb::module_& m);

}  // namespace skald::python
