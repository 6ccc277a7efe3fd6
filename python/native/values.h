// Values that go in and out of calls.
#pragma once

#include <nanobind/nanobind.h>

#include <vector>

#include "skald/model.h"

namespace skald::python {

namespace nb = nanobind;

/// str, or a list of token ids. Raises TypeError for anything else.
Prompt to_prompt(nb::handle value);
std::vector<Prompt> to_prompts(nb::handle list);

/// Iterables of callables, and one callable or None. A processor is f(view, scores) -> scores, a group's one f(views,
/// scores [rows, vocab_size]) -> scores; a criterion is f(view) -> bool; the last is f(view) -> token ids. A view is
/// (prompt_index, index, token_ids, prompt_length).
Hooks to_hooks(nb::handle logits_processors, nb::handle group_logits_processors, nb::handle stopping_criteria,
               nb::handle prefix_allowed_tokens_fn);

}  // namespace skald::python
