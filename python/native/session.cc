// Sessions: generations that are stepped, forked, forced and saved.
#include "skald/session.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "bindings.h"
#include "interpreter.h"
#include "values.h"

namespace skald::python {
namespace {

using Node = Session::Node;

Node generate(Session& session, Node node, std::int64_t n, bool fork, nb::handle stream) {
  const auto held = keep(nb::borrow(stream));
  const Interruptible waiting;
  return session.generate(node, n, fork, [&held](const StreamEvent& event) {
    if (held->object.is_none()) return;
    with_gil([&] { held->object(event.text); });
  });
}

std::vector<Alternative> alternatives(Session& session, Node node, std::int64_t n) {
  const Interruptible waiting;
  return session.alternatives(node, n);
}

Completion completion(Session& session, Node node) {
  const Interruptible waiting;
  return session.completion(node);
}

}  // namespace

void bind_session(nb::module_& m) {
  nb::class_<SessionNode>(m, "SessionNode", "One token of the tree.")
      .def_ro("parent", &SessionNode::parent)
      .def_ro("token", &SessionNode::token)
      .def_ro("forced", &SessionNode::forced)
      .def_ro("ends", &SessionNode::ends)
      .def_ro("logprob", &SessionNode::logprob)
      .def_ro("children", &SessionNode::children);
  nb::class_<Alternative>(m, "Alternative", "A token that may come next.")
      .def_ro("token", &Alternative::token)
      .def_ro("text", &Alternative::text)
      .def_ro("probability", &Alternative::probability)
      .def_ro("processed_probability", &Alternative::processed_probability);

  nb::class_<Session>(m, "Session", "A tree of tokens under one configuration. One thread at a time.")
      .def_static(
          "begin",
          [](const Model& model, nb::handle prompt, const GenerationConfig& config) {
            return Owned<Session>(Session(model, to_prompt(prompt), config));
          },
          nb::arg("model"), nb::arg("prompt"), nb::arg("config"),
          nb::sig("def begin(model: Model, prompt: str | typing.Iterable[int], config: GenerationConfig) -> Session"))
      .def_static(
          "load",
          [](const std::string& path, const Model& model) { return Owned<Session>(Session::load(path, model)); },
          nb::arg("path"), nb::arg("model"), nb::sig("def load(path: str, model: Model) -> Session"))
      .def("save", &Session::save, nb::arg("path"))
      .def_prop_ro("nodes", &Session::nodes)
      .def_prop_ro("prompt", &Session::prompt)
      .def_prop_ro("config", &Session::config)
      .def("tokens", &Session::tokens, nb::arg("node"))
      .def("text", &Session::text, nb::arg("node"))
      .def("generate", &generate, nb::arg("node"), nb::arg("n"), nb::arg("fork") = false,
           nb::arg("stream") = nb::none())
      .def(
          "force_token", [](Session& s, Node node, TokenId token) { return s.force(node, token); }, nb::arg("node"),
          nb::arg("token"))
      .def(
          "force_text", [](Session& s, Node node, std::string_view text) { return s.force(node, text); },
          nb::arg("node"), nb::arg("text"))
      .def("alternatives", &alternatives, nb::arg("node"), nb::arg("n"))
      .def("expand", &Session::expand, nb::arg("node"), nb::arg("n"), nb::call_guard<Interruptible>())
      .def("completion", &completion, nb::arg("node"))
      .def("to_json", &Session::to_json)
      .def("to_graphviz", &Session::to_graphviz)
      .def("to_mermaid", &Session::to_mermaid);
  const nb::class_<Owned<Session>, Session> owned(m, "_OwnedSession", "What begin() and load() give.");
}

}  // namespace skald::python
