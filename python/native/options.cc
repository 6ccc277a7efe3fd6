// Options of generation: their table, and configurations as JSON.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "bindings.h"
#include "skald/generation_config.h"

namespace skald::python {
namespace {

nb::list option_list(std::span<const OptionInfo> options) {
  nb::list rows;
  for (const OptionInfo& option : options) {
    nb::dict row;
    row["name"] = option.name;
    row["flag"] = option.flag;
    row["aliases"] = option.aliases;
    row["type"] = option.type;
    row["range"] = option.range;
    row["meaning"] = option.meaning;
    row["group"] = option.group;
    rows.append(row);
  }
  return rows;
}

}  // namespace

void bind_options(nb::module_& m) {
  nb::enum_<Door>(m, "Door", "Whose defaults hold for what neither the call nor the model's file says.")
      .value("generate_command", Door::generate_command)
      .value("library", Door::library)
      .value("transformers", Door::transformers)
      .value("turbo", Door::turbo)
      .value("llm", Door::llm);

  nb::class_<GenerationConfig>(m, "GenerationConfig", "Options of one request; what is not set is left to lower ranks.")
      .def(nb::init<>())
      .def_static("from_json", &GenerationConfig::from_json, nb::arg("text"), nb::arg("file") = "options")
      .def_static("load", &GenerationConfig::load, nb::arg("path"))
      .def("to_json", &GenerationConfig::to_json)
      .def("save", &GenerationConfig::save, nb::arg("path"))
      .def("set", &GenerationConfig::set, nb::arg("name"), nb::arg("value"))
      .def("over", &GenerationConfig::over, nb::arg("lower"));

  m.def(
      "generation_options", [] { return option_list(generation_options()); },
      nb::sig("def generation_options() -> list[dict[str, str]]"), "The option table, row by row.");
  m.def(
      "passive_options", [] { return option_list(passive_options()); },
      nb::sig("def passive_options() -> list[dict[str, str]]"), "Options of transformers that have no effect here.");
  m.def(
      "door_defaults", [](Door door) { return door_defaults(door).to_json(); }, nb::arg("door"));
}

}  // namespace skald::python
