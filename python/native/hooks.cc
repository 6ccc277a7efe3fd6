// Python functions in the decoding loop. They run on the engine's thread, with the interpreter's lock; what they raise
// ends the call and is raised in its caller.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <span>

#include "bindings.h"
#include "interpreter.h"
#include "skald/processors.h"
#include "values.h"

namespace skald::python {
namespace {

// Arrays that Python may keep: copies, since what the engine shows is gone after the call.
template <class T>
nb::object array_of(std::span<const T> values, std::initializer_list<std::size_t> shape) {
  auto* const copy = new std::vector<T>(values.begin(), values.end());
  const nb::capsule owner(copy, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T>(copy->data(), shape.size(), shape.begin(), owner));
}

nb::tuple view_of(const StepView& view) {
  return nb::make_tuple(view.prompt_index, view.index, array_of<TokenId>(view.token_ids, {view.token_ids.size()}),
                        view.prompt_length);
}

using Scores = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

// Takes back what a processor returned.
void take(nb::handle returned, std::span<float> logits) {
  Scores scores;
  if (!nb::try_cast(returned, scores) || scores.size() != logits.size()) {
    throw nb::type_error("a logits processor returns scores of the shape that it was given, as float32");
  }
  std::copy_n(scores.data(), logits.size(), logits.begin());
}

LogitsHook logits_hook(nb::handle function) {
  return [held = keep(nb::borrow(function))](const StepView& view, std::span<float> logits) {
    with_gil([&] { take(held->object(view_of(view), array_of<float>(logits, {logits.size()})), logits); });
  };
}

GroupLogitsHook group_hook(nb::handle function) {
  return [held = keep(nb::borrow(function))](std::span<const StepView> rows, std::span<float> logits) {
    with_gil([&] {
      nb::list views;
      for (const StepView& row : rows) views.append(view_of(row));
      take(held->object(views, array_of<float>(logits, {rows.size(), logits.size() / rows.size()})), logits);
    });
  };
}

StopHook stop_hook(nb::handle function) {
  return [held = keep(nb::borrow(function))](const StepView& view) {
    bool stop = false;
    with_gil([&] { stop = nb::cast<bool>(nb::bool_(held->object(view_of(view)))); });
    return stop;
  };
}

AllowedTokens allowed_tokens(nb::handle function) {
  return [held = keep(nb::borrow(function))](const StepView& view) {
    std::vector<TokenId> allowed;
    with_gil([&] { allowed = std::get<std::vector<TokenId>>(to_prompt(held->object(view_of(view)))); });
    return allowed;
  };
}

std::vector<TokenId> ids_of(nb::handle ids) { return std::get<std::vector<TokenId>>(to_prompt(ids)); }

// A copy of the scores [vocab_size], processed.
nb::object process(const GenerationConfig& config, nb::handle token_ids, const Scores& scores,
                   std::int64_t prompt_length, std::int64_t max_length, nb::handle encoder_input,
                   std::int64_t min_tokens_to_keep) {
  const std::vector<TokenId> ids = ids_of(token_ids), encoder_ids = ids_of(encoder_input);
  std::vector<float> logits(scores.data(), scores.data() + scores.size());
  process_logits(config,
                 {.token_ids = ids,
                  .prompt_length = prompt_length,
                  .max_length = max_length,
                  .encoder_input = encoder_ids,
                  .min_tokens_to_keep = min_tokens_to_keep},
                 logits);
  return array_of<float>(logits, {logits.size()});
}

}  // namespace

void bind_processors(nb::module_& m) {
  m.def("process_logits", &process, nb::arg("config"), nb::arg("token_ids"), nb::arg("scores"), nb::kw_only(),
        nb::arg("prompt_length") = 0, nb::arg("max_length") = 0, nb::arg("encoder_input") = nb::tuple(),
        nb::arg("min_tokens_to_keep") = 1,
        nb::sig("def process_logits(config: GenerationConfig, token_ids: typing.Iterable[int], scores: "
                "numpy.ndarray, *, prompt_length: int = 0, max_length: int = 0, encoder_input: "
                "typing.Iterable[int] = (), min_tokens_to_keep: int = 1) -> numpy.ndarray"));
}

Hooks to_hooks(nb::handle logits_processors, nb::handle group_logits_processors, nb::handle stopping_criteria,
               nb::handle prefix_allowed_tokens_fn) {
  Hooks hooks;
  for (const nb::handle f : nb::iter(logits_processors)) hooks.logits_processors.push_back(logits_hook(f));
  for (const nb::handle f : nb::iter(group_logits_processors)) hooks.group_logits_processors.push_back(group_hook(f));
  for (const nb::handle f : nb::iter(stopping_criteria)) hooks.stopping_criteria.push_back(stop_hook(f));
  if (!prefix_allowed_tokens_fn.is_none()) hooks.prefix_allowed_tokens_fn = allowed_tokens(prefix_allowed_tokens_fn);
  return hooks;
}

}  // namespace skald::python
