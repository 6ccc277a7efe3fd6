// Options that add numbers to logits, from JSON and to it.
#pragma once

#include <vector>

#include "decode/constraints/constraint_options.h"  // FailOption
#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// [[[ids], bias], ...], or {"(1, 2)": bias, "(5,)": bias}, as transformers writes the tuples that it has for keys. A
/// bias is a number that 32 bits hold, or -inf. `rule`: what a value of another form is told.
std::vector<SequenceBias> read_sequence_bias(const json::Value& value, const std::string& rule, const FailOption& fail);

/// [[id or "text", bias], ...], or {"id or text": bias, ...}, where a key of digits is an id. A bias is in
/// [-10000, 10000], or -inf; false, as in llama.cpp, is -inf.
std::vector<LogitBias> read_logit_bias(const json::Value& value, const std::string& rule, const FailOption& fail);

json::Value write(const SequenceBias& bias);
json::Value write(const LogitBias& bias);

}  // namespace skald::decode
