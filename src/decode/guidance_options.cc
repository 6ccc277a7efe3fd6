#include "decode/guidance_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::size_t kMaxTextBytes = 65536;
constexpr double kMaxStrength = 100;

std::string text_of(const json::Value& value, const FailOption& fail) {
  if (!value.is_string()) fail(value.describe(), "must be a text");
  const std::string& text = value.as_string();
  if (text.size() > kMaxTextBytes) fail(std::to_string(text.size()) + " bytes", "a text has at most 65536");
  if (first_invalid_utf8(text) != text.size()) fail(quoted(text), "is not UTF-8");
  return text;
}

double strength_of(const json::Value& value, const std::string& what, const FailOption& fail) {
  if (value.is_number() && std::abs(value.as_number()) <= kMaxStrength) return value.as_number();
  fail(value.is_number() ? json::dump(value) : value.describe(), what + " must be a number in [-100, 100]");
  return 0;
}

}  // namespace

std::vector<Attribute> read_attributes(const json::Value& value, const FailOption& fail) {
  if (!value.is_object()) fail(value.describe(), "must be an object of attributes by name");
  std::vector<Attribute> attributes;
  for (const auto& [name, pair] : value.as_object()) {
    const json::Value* const positive = pair.is_object() ? pair.find("positive") : nullptr;
    const json::Value* const negative = pair.is_object() ? pair.find("negative") : nullptr;
    if (positive == nullptr || negative == nullptr || pair.as_object().size() != 2) {
      fail(quoted(name), "must have a text \"positive\" and a text \"negative\", and nothing else");
    }
    attributes.push_back({name, text_of(*positive, fail), text_of(*negative, fail)});
  }
  return attributes;
}

std::vector<ExpertTerm> read_experts(const json::Value& value, const FailOption& fail) {
  if (!value.is_array()) fail(value.describe(), "must be a list of expert terms");
  std::vector<ExpertTerm> terms;
  for (const json::Value& item : value.as_array()) {
    if (!item.is_object()) fail(item.describe(), "must be an object of expert, anti_expert and weight");
    ExpertTerm& term = terms.emplace_back();
    for (const auto& [key, field] : item.as_object()) {
      if (key == "expert") {
        term.expert = text_of(field, fail);
      } else if (key == "anti_expert") {
        term.anti_expert = text_of(field, fail);
      } else if (key == "weight") {
        term.weight = strength_of(field, "the weight", fail);
      } else {
        fail(quoted(key), "is not a field of an expert term: expert, anti_expert and weight are");
      }
    }
  }
  return terms;
}

std::map<std::string, double> read_strengths(const json::Value& value, const FailOption& fail) {
  if (!value.is_object()) fail(value.describe(), "must be an object of strengths by name");
  std::map<std::string, double> strengths;
  for (const auto& [name, strength] : value.as_object()) {
    const bool is_new = strengths.emplace(name, strength_of(strength, "the strength of " + quoted(name), fail)).second;
    if (!is_new) fail(quoted(name), "is named twice");
  }
  return strengths;
}

json::Value parse_strengths(std::string_view text) {
  json::Object strengths;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t equals = item.find('=');
    json::Value strength = 1.0;
    if (equals != std::string_view::npos) {
      double number = 0;
      const char* const end = item.data() + item.size();
      const auto read = std::from_chars(item.data() + equals + 1, end, number);
      const bool is_number = read.ec == std::errc() && read.ptr == end && std::isfinite(number);
      strength = is_number ? json::Value(number) : json::Value(std::string(item.substr(equals + 1)));
    }
    strengths.push_back({std::string(item.substr(0, equals)), std::move(strength)});
  }
  return strengths;
}

json::Value write(const std::vector<Attribute>& attributes) {
  json::Object by_name;
  for (const Attribute& a : attributes) {
    json::Object pair;
    pair.push_back({"positive", a.positive});
    pair.push_back({"negative", a.negative});
    by_name.push_back({a.name, std::move(pair)});
  }
  return by_name;
}

json::Value write(const ExpertTerm& term) {
  json::Object fields;
  fields.push_back({"expert", term.expert});
  fields.push_back({"anti_expert", term.anti_expert});
  fields.push_back({"weight", term.weight});
  return fields;
}

json::Value write(const std::map<std::string, double>& strengths) {
  json::Object by_name;
  for (const auto& [name, strength] : strengths) by_name.push_back({name, strength});
  return by_name;
}

}  // namespace skald::decode
