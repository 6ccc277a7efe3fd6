// Options of guidance, from JSON and to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "decode/constraints/constraint_options.h"
#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// {"name": {"positive": text, "negative": text}, ...}. Calls `fail` for what is none, as all below.
std::vector<Attribute> read_attributes(const json::Value& value, const FailOption& fail);

/// [{"expert": name, "anti_expert": name, "weight": number}, ...]: each may be left out.
std::vector<ExpertTerm> read_experts(const json::Value& value, const FailOption& fail);

/// {"name": number, ...}.
std::map<std::string, double> read_strengths(const json::Value& value, const FailOption& fail);

/// As a person types it: "a=2,b" is {"a": 2, "b": 1}. What is no number stays a text.
json::Value parse_strengths(std::string_view text);

json::Value write(const std::vector<Attribute>& attributes);
json::Value write(const ExpertTerm& term);
json::Value write(const std::map<std::string, double>& strengths);

}  // namespace skald::decode
