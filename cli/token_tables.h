// Tables of tokens and their probabilities, for people.
#pragma once

#include <string>
#include <vector>

#include "skald/session.h"

namespace skald::cli {

/// `token` as its text in quotes, or its id where the model has no tokenizer.
std::string spelled(const Model& model, TokenId token);

/// "Next token probabilities:" and a line for each: `  "c": 0.25`.
std::string probability_table(const Model& model, const std::vector<Alternative>& alternatives);

/// Of each token: its probability before and after all processors, its rank, the entropy, how many were left; below it
/// what each processor did to it, and the most probable others.
std::string trace_table(const Model& model, const Completion& completion);

}  // namespace skald::cli
