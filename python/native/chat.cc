// Chat templates.
#include "skald/chat.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "interpreter.h"

namespace skald::python {
namespace {

RenderedChat render(const ChatTemplate& templates, std::string messages, std::string tools, std::string documents,
                    std::string variables, std::string template_name, bool add_generation_prompt,
                    bool continue_final_message) {
  const Unlocked unlocked;
  return templates.render({.messages = std::move(messages),
                           .tools = std::move(tools),
                           .documents = std::move(documents),
                           .variables = std::move(variables),
                           .template_name = std::move(template_name),
                           .add_generation_prompt = add_generation_prompt,
                           .continue_final_message = continue_final_message});
}

}  // namespace

void bind_chat(nb::module_& m) {
  nb::class_<RenderedChat>(m, "RenderedChat", "What a template wrote.")
      .def_ro("text", &RenderedChat::text)
      .def_ro("template_name", &RenderedChat::template_name);

  nb::class_<ChatTemplate>(m, "ChatTemplate", "The chat templates of a model; any thread may use them.")
      .def_static("load", &ChatTemplate::load, nb::arg("path"))
      .def_static("from_source", &ChatTemplate::from_source, nb::arg("source"), nb::arg("name"), nb::arg("path") = "")
      .def("names", &ChatTemplate::names)
      .def("render", &render, nb::arg("messages"), nb::kw_only(), nb::arg("tools") = "", nb::arg("documents") = "",
           nb::arg("variables") = "", nb::arg("template_name") = "", nb::arg("add_generation_prompt") = false,
           nb::arg("continue_final_message") = false, "`messages`, `tools`, `documents`, `variables`: JSON.")
      .def(
          "encode",
          [](const ChatTemplate& templates, const RenderedChat& chat, const Tokenizer& tokenizer, bool parse_messages) {
            return templates.encode(chat, tokenizer, parse_messages).ids;
          },
          nb::arg("chat"), nb::arg("tokenizer"), nb::arg("parse_messages") = false)
      .def(
          "generated",
          [](const ChatTemplate& templates, const RenderedChat& chat, const Tokenizer& tokenizer, bool parse_messages) {
            return templates.encode(chat, tokenizer, parse_messages).generated;
          },
          nb::arg("chat"), nb::arg("tokenizer"), nb::arg("parse_messages") = false,
          "Of each token of encode(): whether it lies in what the assistant says.");
}

}  // namespace skald::python
