// What completions carry.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>

#include "bindings.h"
#include "skald/model.h"
#include "skald/score.h"

namespace skald::python {
namespace {

using Array = nb::ndarray<nb::numpy, const float>;

// A view of numbers that `outputs` keeps alive.
Array view_of(const std::shared_ptr<const StepOutputs>& outputs, const std::vector<float>& values,
              std::initializer_list<std::size_t> shape) {
  auto* const held = new std::shared_ptr<const StepOutputs>(outputs);
  const nb::capsule owner(held, [](void* p) noexcept { delete static_cast<std::shared_ptr<const StepOutputs>*>(p); });
  return Array(values.data(), shape.size(), shape.begin(), owner);
}

nb::object by_step(const Completion& completion, std::vector<float> StepOutputs::*member) {
  const auto& outputs = completion.step_outputs;
  if (!outputs || (*outputs.*member).empty()) return nb::none();
  const std::vector<float>& values = *outputs.*member;
  const auto width = static_cast<std::size_t>(outputs->vocab_size);
  return nb::cast(view_of(outputs, values, {values.size() / width, width}));
}

// [rows, n_layers + 1, hidden_size]
nb::object hidden_states(const Completion& completion) {
  const auto& outputs = completion.step_outputs;
  if (!outputs || outputs->hidden_states.empty()) return nb::none();
  const auto layers = static_cast<std::size_t>(outputs->n_layers) + 1;
  const auto width = static_cast<std::size_t>(outputs->hidden_size);
  return nb::cast(
      view_of(outputs, outputs->hidden_states, {outputs->hidden_states.size() / (layers * width), layers, width}));
}

// Of each row [n_layers, n_heads, row + 1].
nb::object attentions(const Completion& completion) {
  const auto& outputs = completion.step_outputs;
  if (!outputs || outputs->attentions.empty()) return nb::none();
  const auto layers = static_cast<std::size_t>(outputs->n_layers);
  const auto heads = static_cast<std::size_t>(outputs->n_heads);
  nb::list rows;
  for (const std::vector<float>& row : outputs->attentions) {
    rows.append(view_of(outputs, row, {layers, heads, row.size() / (layers * heads)}));
  }
  return rows;
}

void bind_completion(nb::module_& m) {
  nb::class_<Completion>(m, "Completion", "One continuation of one prompt.")
      .def_ro("prompt_index", &Completion::prompt_index)
      .def_ro("index", &Completion::index)
      .def_ro("text", &Completion::text)
      .def_ro("token_ids", &Completion::token_ids)
      .def_prop_ro("finish_reason", [](const Completion& c) { return std::string(to_string(c.finish_reason)); })
      .def_ro("stop_text", &Completion::stop_text)
      .def_ro("stopped_by", &Completion::stopped_by)
      .def_ro("stop_token", &Completion::stop_token)
      .def_ro("notice", &Completion::notice)
      .def_ro("notices", &Completion::notices)
      .def_ro("seed", &Completion::seed)
      .def_ro("score", &Completion::score)
      .def_ro("beam_indices", &Completion::beam_indices)
      .def_ro("logprobs", &Completion::logprobs)
      .def_ro("processed_logprobs", &Completion::processed_logprobs)
      .def_ro("prompt_logprobs", &Completion::prompt_logprobs)
      .def_ro("healed_prompt", &Completion::healed_prompt)
      .def_ro("prompt_tokens", &Completion::prompt_tokens)
      .def_ro("model_passes", &Completion::model_passes)
      .def_ro("drafted_tokens", &Completion::drafted_tokens)
      .def_ro("accepted_tokens", &Completion::accepted_tokens)
      .def_ro("timings", &Completion::timings)
      .def_ro("trace", &Completion::trace)
      .def_prop_ro(
          "scores", [](const Completion& c) { return by_step(c, &StepOutputs::scores); },
          nb::sig("def scores(self) -> numpy.ndarray | None"), "[steps, vocab_size], after all processors.")
      .def_prop_ro(
          "logits", [](const Completion& c) { return by_step(c, &StepOutputs::logits); },
          nb::sig("def logits(self) -> numpy.ndarray | None"), "[steps, vocab_size], as the model gave them.")
      .def_prop_ro("hidden_states", &hidden_states, nb::sig("def hidden_states(self) -> numpy.ndarray | None"),
                   "[rows, n_layers + 1, hidden_size], a row for each token that was computed.")
      .def_prop_ro("attentions", &attentions, nb::sig("def attentions(self) -> list[numpy.ndarray] | None"),
                   "Of each row [n_layers, n_heads, row + 1].")
      .def(
          "transition_scores", [](const Completion& c, bool normalize) { return transition_scores(c, normalize); },
          nb::arg("normalize") = false);
}

void bind_trace(nb::module_& m) {
  nb::class_<TraceStep>(m, "TraceStep", "One processor at one step.")
      .def_ro("processor", &TraceStep::processor)
      .def_ro("removed", &TraceStep::removed);
  nb::class_<TraceCandidate>(m, "TraceCandidate", "One token at one step, before and after every processor.")
      .def_ro("token", &TraceCandidate::token)
      .def_ro("probability", &TraceCandidate::probability)
      .def_ro("processed_probability", &TraceCandidate::processed_probability)
      .def_ro("logits", &TraceCandidate::logits);
  nb::class_<TokenTrace>(m, "TokenTrace", "What happened at one step.")
      .def_ro("entropy", &TokenTrace::entropy)
      .def_ro("processed_entropy", &TokenTrace::processed_entropy)
      .def_ro("rank", &TokenTrace::rank)
      .def_ro("n_left", &TokenTrace::n_left)
      .def_ro("steps", &TokenTrace::steps)
      .def_ro("candidates", &TokenTrace::candidates);
}

}  // namespace

void bind_outputs(nb::module_& m) {
  nb::class_<TokenLogprob>(m, "TokenLogprob", "ln of a token's probability, and the best alternatives.")
      .def_ro("token", &TokenLogprob::token)
      .def_ro("logprob", &TokenLogprob::logprob)
      .def_ro("top", &TokenLogprob::top);
  nb::class_<Timings>(m, "Timings", "Where the time of a completion went, in seconds.")
      .def_ro("queued", &Timings::queued)
      .def_ro("prefill", &Timings::prefill)
      .def_ro("decode", &Timings::decode)
      .def_ro("cached_prompt_tokens", &Timings::cached_prompt_tokens)
      .def_ro("preemptions", &Timings::preemptions);
  nb::class_<Notice>(m, "Notice", "An option that has no effect, or holds in another way.")
      .def_ro("option", &Notice::option)
      .def_ro("value", &Notice::value)
      .def_ro("message", &Notice::message)
      .def("__str__", [](const Notice& notice) { return to_string(notice); });
  bind_trace(m);
  bind_completion(m);
  nb::class_<TextScore>(m, "TextScore", "What a model thinks of one text.")
      .def_ro("n_given", &TextScore::n_given)
      .def_ro("token_ids", &TextScore::token_ids)
      .def_ro("logprobs", &TextScore::logprobs)
      .def_prop_ro("total", &TextScore::total)
      .def_prop_ro("perplexity", &TextScore::perplexity);
}

}  // namespace skald::python
