#include "decode/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/utf8.h"
#include "decode/bias_options.h"
#include "decode/constraints/constraint_options.h"
#include "decode/foreign_options.h"
#include "decode/guidance_options.h"
#include "decode/watermark_config.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::size_t kMaxTexts = 64;
constexpr std::size_t kMaxTextBytes = 1024;

// "--top-p" and "top-p" are "top_p".
std::string canonical(std::string_view name) {
  if (name.starts_with("--")) name.remove_prefix(2);
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

template <typename Visit>
void for_each_alias(std::string_view aliases, Visit visit) {
  while (!aliases.empty()) {
    const std::size_t comma = std::min(aliases.find(','), aliases.size());
    visit(aliases.substr(0, comma));
    aliases.remove_prefix(std::min(comma + 1, aliases.size()));
  }
}

// Edits (insertions, deletions, replacements, swaps of neighbours) that make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string type_rule(const Option& option) {
  const std::string_view type = option.info.type;
  const std::string range(option.info.range);
  if (type == "boolean") return "must be true or false";
  if (type == "ids") return "must be a token id or a list of token ids in " + range;
  if (type == "names") return "must be a list " + range;
  if (type == "choice" && range.find(" or ") == std::string::npos) return "must be one of " + range;
  if (type == "json" || type == "choice") return "must be " + range;
  if (type == "text") return "must be a text: " + range;
  if (type == "strengths") return "must be " + range;
  if (type == "texts" || type == "list") return "must be a text or a list of texts, " + range;
  return "must be " + std::string(type == "integer" ? "an integer" : "a number") + " in " + range;
}

struct Place {
  const Option& option;
  const std::string& file;
  std::string_view name;

  [[noreturn]] void fail(std::string value, std::string rule) const {
    throw OptionError({.file = file, .field = std::string(name), .value = std::move(value), .rule = std::move(rule)});
  }
  [[noreturn]] void fail(const json::Value& value) const {
    const std::string shown = value.is_number() || value.is_bool() ? json::dump(value) : value.describe();
    fail(shown, type_rule(option));
  }
  [[nodiscard]] bool in_range(double number) const {
    return number >= option.low && number <= option.high && !(option.low_open && number == option.low);
  }
};

std::int64_t integer_of(const json::Value& value, const Place& place) {
  if (!value.is_integer() || !place.in_range(static_cast<double>(value.as_integer()))) place.fail(value);
  return value.as_integer();
}

void check_texts(const std::vector<std::string>& strings, const Place& place) {
  if (strings.size() > kMaxTexts) {
    place.fail(std::to_string(strings.size()) + " texts", "at most " + std::to_string(kMaxTexts) + " are allowed");
  }
  for (std::size_t i = 0; i < strings.size(); ++i) {
    const std::string which = "text " + std::to_string(i);
    if (strings[i].empty()) place.fail(which, "is empty: each has 1 to 1024 bytes");
    if (strings[i].size() > kMaxTextBytes) {
      place.fail(which, "has " + std::to_string(strings[i].size()) + " bytes: each has 1 to 1024");
    }
    if (first_invalid_utf8(strings[i]) != strings[i].size()) place.fail(quoted(strings[i]), "is not UTF-8");
  }
}

// Digits as a number; what is none stays a text.
json::Value parse_number(std::string_view digits) {
  std::int64_t integer = 0;
  double real = 0;
  const char* const end = digits.data() + digits.size();
  if (const auto r = std::from_chars(digits.data(), end, integer); r.ec == std::errc() && r.ptr == end) return integer;
  const auto r = std::from_chars(digits.data(), end, real);
  if (r.ec == std::errc() && r.ptr == end && std::isfinite(real)) return real;  // "nan" is shown as it was typed
  return std::string(digits);
}

json::Value to_value(const ForcedWord& word) {
  json::Array phrases;
  for (const std::vector<TokenId>& phrase : word.alternatives) {
    json::Array ids;
    for (const TokenId id : phrase) ids.emplace_back(static_cast<std::int64_t>(id));
    phrases.emplace_back(std::move(ids));
  }
  if (phrases.size() == 1) return std::move(phrases[0]);
  return phrases;
}

// One conversion for each type of member.
void convert(const json::Value& value, const Place& place, std::optional<std::int64_t>& out) {
  out = integer_of(value, place);
}
void convert(const json::Value& value, const Place& place, std::optional<std::uint64_t>& out) {
  out = static_cast<std::uint64_t>(integer_of(value, place));
}
void convert(const json::Value& value, const Place& place, std::optional<TokenId>& out) {
  out = static_cast<TokenId>(integer_of(value, place));
}
void convert(const json::Value& value, const Place& place, std::optional<double>& out) {
  if (!value.is_number() || !place.in_range(value.as_number())) place.fail(value);
  out = value.as_number();
}
void convert(const json::Value& value, const Place& place, std::optional<bool>& out) {
  if (!value.is_bool()) place.fail(value);
  out = value.as_bool();
}
std::vector<TokenId> ids_of(const json::Value& value, const Place& place) {
  if (!value.is_array() || value.as_array().empty()) place.fail(value);
  std::vector<TokenId> ids;
  for (const json::Value& item : value.as_array()) ids.push_back(static_cast<TokenId>(integer_of(item, place)));
  return ids;
}
double number_of(const json::Value& value, const Place& place) {
  if (!value.is_number()) place.fail(value);
  return value.as_number();
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<std::vector<TokenId>>>& out) {
  if (!value.is_array()) place.fail(value);
  std::vector<std::vector<TokenId>> lists;
  for (const json::Value& item : value.as_array()) lists.push_back(ids_of(item, place));
  out = std::move(lists);
}
FailOption failing(const Place& place) {
  return [&place](const std::string& shown, const std::string& rule) { place.fail(shown, rule); };
}
// A list of [ids, bias], or what transformers saves where its keys were tuples.
void convert(const json::Value& value, const Place& place, std::optional<std::vector<SequenceBias>>& out) {
  out = read_sequence_bias(value, type_rule(place.option), failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<LogitBias>>& out) {
  out = read_logit_bias(value, type_rule(place.option), failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<WatermarkingConfig>& out) {
  out = read_watermarking_config(value, place.file, place.name);
}
void convert(const json::Value& value, const Place& place, std::optional<EarlyStopping>& out) {
  const bool never = value.is_string() && value.as_string() == "never";
  if (!value.is_bool() && !never) place.fail(value);
  out = never ? EarlyStopping::never : value.as_bool() ? EarlyStopping::yes : EarlyStopping::no;
}
void convert(const json::Value& value, const Place& place, std::optional<LengthPenaltyForm>& out) {
  const bool gnmt = value.is_string() && value.as_string() == "gnmt";
  if (!gnmt && !(value.is_string() && value.as_string() == "power")) place.fail(value);
  out = gnmt ? LengthPenaltyForm::gnmt : LengthPenaltyForm::power;
}
// transformers' rules of a constraint.
void check_word(const ForcedWord& word, const Place& place) {
  for (const auto& phrase : word.alternatives) {
    for (const auto& other : word.alternatives) {
      if (&phrase == &other ||
          !std::ranges::equal(phrase, std::span(other).first(std::min(phrase.size(), other.size()))))
        continue;
      place.fail(json::dump(to_value(word)), "no alternative may be the beginning of another one, or equal to it");
    }
  }
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<ForcedWord>>& out) {
  if (!value.is_array()) place.fail(value);
  std::vector<ForcedWord> words;
  for (const json::Value& item : value.as_array()) {
    if (!item.is_array() || item.as_array().empty())
      place.fail(json::dump(item), "must be a phrase, which has tokens, or a list of them");
    ForcedWord& word = words.emplace_back();
    if (item.as_array()[0].is_array()) {
      for (const json::Value& phrase : item.as_array()) word.alternatives.push_back(ids_of(phrase, place));
    } else {
      word.alternatives.push_back(ids_of(item, place));
    }
    check_word(word, place);
  }
  out = std::move(words);
}
constexpr std::string_view kDraftSchedules[] = {"constant", "heuristic", "heuristic_transient", "adaptive"};
void convert(const json::Value& value, const Place& place, std::optional<DraftSchedule>& out) {
  const auto* const found = std::ranges::find(kDraftSchedules, value.is_string() ? value.as_string() : "");
  if (found == std::end(kDraftSchedules)) place.fail(value);
  out = static_cast<DraftSchedule>(found - kDraftSchedules);
}
void convert(const json::Value& value, const Place& place, std::optional<LayerRange>& out) {
  if (!value.is_array() || value.as_array().size() != 2) place.fail(value);
  const LayerRange range{.first = integer_of(value.as_array()[0], place),
                         .last = integer_of(value.as_array()[1], place)};
  if (range.first > range.last) place.fail(json::dump(value), "the first layer must not be above the last");
  out = range;
}
void convert(const json::Value& value, const Place& place, std::optional<DolaLayers>& out) {
  const std::string name = value.is_string() ? value.as_string() : "";
  if (name == "low" || name == "high") {
    out = DolaLayers{.kind = name == "low" ? DolaLayers::Kind::low : DolaLayers::Kind::high};
  } else {
    out = DolaLayers{.kind = DolaLayers::Kind::list, .layers = ids_of(value, place)};
  }
}
void convert(const json::Value& value, const Place& place, std::optional<LengthDecay>& out) {
  if (!value.is_array() || value.as_array().size() != 2) place.fail(value);
  const double factor = number_of(value.as_array()[1], place);
  if (!(factor > 0 && factor <= 1000)) place.fail(json::dump(value.as_array()[1]), "the factor must be in (0, 1000]");
  out = LengthDecay{.start = integer_of(value.as_array()[0], place), .factor = factor};
}
// Whether `name` is one of the names that the option's range lists.
bool is_listed(std::string_view name, const Place& place) {
  std::string_view list = place.option.info.range;
  if (list.starts_with("of ")) list.remove_prefix(3);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(", "), list.size());
    if (list.substr(0, comma) == name) return true;
    list.remove_prefix(std::min(comma + 2, list.size()));
  }
  return false;
}
void convert(const json::Value& value, const Place& place, std::optional<std::string>& out) {
  if (!value.is_string()) place.fail(value);
  const bool chosen = place.option.info.type == "choice";
  if (chosen && !is_listed(value.as_string(), place)) place.fail(quoted(value.as_string()), type_rule(place.option));
  out = value.as_string();
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<TokenId>>& out) {
  std::vector<TokenId> ids;
  if (value.is_array()) {
    for (const json::Value& item : value.as_array()) ids.push_back(static_cast<TokenId>(integer_of(item, place)));
  } else {
    ids.push_back(static_cast<TokenId>(integer_of(value, place)));
  }
  out = std::move(ids);
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<std::vector<TextOrIds>>>& out) {
  out = read_phrases(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<TextOrIds>>& out) {
  out = read_texts_or_ids(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<Segment>>& out) {
  out = read_segments(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<Attribute>>& out) {
  out = read_attributes(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<ExpertTerm>>& out) {
  out = read_experts(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::map<std::string, double>>& out) {
  out = read_strengths(value, failing(place));
}
void convert(const json::Value& value, const Place& place, std::optional<std::vector<std::string>>& out) {
  std::vector<std::string> texts;
  const auto add = [&](const json::Value& item) {
    if (!item.is_string()) place.fail(item);
    texts.push_back(item.as_string());
  };
  if (value.is_array()) {
    for (const json::Value& item : value.as_array()) add(item);
  } else {
    add(value);
  }
  if (place.option.info.type != "names") {
    check_texts(texts, place);
  } else {
    for (const std::string& name : texts) {
      if (!is_listed(name, place)) place.fail(quoted(name), "is none " + std::string(place.option.info.range));
    }
  }
  out = std::move(texts);
}

json::Value to_value(const LengthDecay& decay) {
  json::Array pair;
  pair.emplace_back(decay.start);
  pair.emplace_back(decay.factor);
  return pair;
}
json::Value to_value(EarlyStopping when) {
  if (when == EarlyStopping::never) return "never";
  return when == EarlyStopping::yes;
}
json::Value to_value(LengthPenaltyForm form) { return form == LengthPenaltyForm::gnmt ? "gnmt" : "power"; }
json::Value to_value(DraftSchedule schedule) {
  return std::string(kDraftSchedules[static_cast<std::size_t>(schedule)]);
}
json::Value to_value(const DolaLayers& layers);
json::Value to_value(const SequenceBias& bias) { return write(bias); }
json::Value to_value(const LogitBias& bias) { return write(bias); }
json::Value to_value(const std::vector<Attribute>& attributes) { return write(attributes); }
json::Value to_value(const ExpertTerm& term) { return write(term); }
json::Value to_value(const std::map<std::string, double>& strengths) { return write(strengths); }
json::Value to_value(const LayerRange& range) { return json::Array{range.first, range.last}; }
json::Value to_value(const WatermarkingConfig& config) { return watermarking_to_json(config); }
json::Value to_value(const TextOrIds& item) { return write(item); }
json::Value to_value(const Segment& segment) { return write(segment); }

template <typename T>
json::Value to_value(const T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(value);
  } else {
    json::Array items;
    for (const auto& item : value) items.emplace_back(to_value(item));
    return items;
  }
}
json::Value to_value(const DolaLayers& layers) {
  if (layers.kind == DolaLayers::Kind::list) return to_value(layers.layers);
  return layers.kind == DolaLayers::Kind::low ? "low" : "high";
}

// "top_k,top_p" or, as in llama.cpp, "top_k;top_p".
json::Array split_names(std::string_view text) {
  json::Array names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(",; "), text.size());
    if (end > 0) names.emplace_back(std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

json::Array split_at_commas(std::string_view text) {
  json::Array items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    items.emplace_back(std::string(text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return items;
}

json::Value parse_json(std::string_view name, std::string_view text) {
  try {
    return json::parse(text, "value", json::kConfigLimits);
  } catch (const FormatError& error) {
    throw OptionError(
        {.field = std::string(name), .value = quoted(text), .rule = "is no JSON: " + error.fields().rule});
  }
}

// What a person typed, as the JSON value that it stands for; a value that is none stays a text, to be refused as such.
json::Value parse_typed(std::string_view name, std::string_view type, std::string_view text) {
  if (type == "texts" || type == "text") return std::string(text);
  if (type == "json" || (type == "list" && text.starts_with('['))) return parse_json(name, text);
  if (type == "list") return split_at_commas(text);
  if (type == "strengths") return text.starts_with('{') ? parse_json(name, text) : parse_strengths(text);
  if (type == "boolean" || (type == "choice" && (text == "true" || text == "false"))) {
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
    return std::string(text);
  }
  if (type == "names") return split_names(text);
  if (type == "choice" && text.find_first_not_of("0123456789,") != std::string_view::npos) return std::string(text);
  if (type != "ids" && type != "choice") return parse_number(text);
  json::Array ids;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    ids.push_back(parse_number(text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return ids;
}

}  // namespace

const Option* find_option(std::string_view name) {
  const std::string wanted = canonical(name);
  for (const Option& option : option_table()) {
    bool found = option.info.name == wanted;
    for_each_alias(option.info.aliases, [&](std::string_view alias) { found |= canonical(alias) == wanted; });
    if (found) return &option;
  }
  return nullptr;
}

void assign(GenerationConfig& config, const Option& option, const json::Value& value, const std::string& file,
            std::string_view name) {
  const Place place{option, file, name};
  std::visit([&](auto member) { convert(value, place, config.*member); }, option.member);
}

void check(const GenerationConfig& config) {
  GenerationConfig checked;
  for (const Option& option : option_table()) {
    std::visit(
        [&](auto member) {
          using Member = std::remove_cvref_t<decltype(config.*member)>;
          if (!(config.*member)) return;
          if constexpr (std::is_same_v<Member, std::optional<std::uint64_t>>) {
            // Above int64 only a program can come: a JSON integer ends there.
            if (*(config.*member) > static_cast<std::uint64_t>(option.high)) {
              Place{option, {}, option.info.name}.fail(std::to_string(*(config.*member)), type_rule(option));
            }
          }
          assign(checked, option, to_value(*(config.*member)), {}, option.info.name);
        },
        option.member);
  }
}

json::Value value_of(const GenerationConfig& config, const Option& option) {
  return std::visit(
      [&](auto member) { return config.*member ? json::Value(to_value(*(config.*member))) : json::Value(); },
      option.member);
}

std::string unknown_option_rule(std::string_view name) {
  const std::string wanted = canonical(name.substr(0, 64));
  std::string_view nearest;
  std::size_t distance = std::max<std::size_t>(2, wanted.size() / 3) + 1;
  const auto consider = [&](std::string_view candidate, std::string_view shown) {
    const std::size_t d = edit_distance(wanted, canonical(candidate));
    if (d >= distance) return;
    distance = d;
    nearest = shown;
  };
  for (const Option& option : option_table()) {
    consider(option.info.name, option.info.name);
    for_each_alias(option.info.aliases, [&](std::string_view alias) { consider(alias, option.info.name); });
  }
  if (nearest.empty()) return "is not an option of text generation";
  return "is not an option of text generation; did you mean " + std::string(nearest) + "?";
}

}  // namespace skald::decode

namespace skald {

void GenerationConfig::set(std::string_view name, std::string_view value) {
  const decode::Option* const option = decode::find_option(name);
  const decode::ForeignOption* const foreign = decode::find_foreign_option(decode::canonical(name));
  if (foreign != nullptr && foreign->kind != decode::ForeignOption::Kind::refused) {
    return decode::take_foreign_option(*this, *foreign, decode::parse_foreign(*foreign, value), {});
  }
  if (foreign != nullptr) {
    const std::string hint = foreign->note.empty() ? "" : ": " + std::string(foreign->note);
    throw UnsupportedError({.field = std::string(name), .rule = "is not available in this version of skald" + hint});
  }
  if (option == nullptr) throw OptionError({.field = quoted(name), .rule = decode::unknown_option_rule(name)});
  const json::Value typed = decode::parse_typed(name, option->info.type, value);
  if (option->info.type != "texts" && option->info.type != "list") {
    return decode::assign(*this, *option, typed, {}, name);
  }
  // These add up: a flag may be given more than once.
  json::Array items;
  const auto add = [&](const json::Value& more) {
    if (!more.is_array()) return items.push_back(more);
    items.insert(items.end(), more.as_array().begin(), more.as_array().end());
  };
  std::visit(
      [&](auto member) {
        if (this->*member) add(decode::to_value(*(this->*member)));
      },
      option->member);
  add(typed);
  decode::assign(*this, *option, items, {}, name);
}

}  // namespace skald
