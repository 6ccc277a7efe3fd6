#include "decode/bias_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kLargestId = (1 << 24) - 1;
constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kMinusInfinity = -1.7e308;  // what json::parse() makes of -Infinity
constexpr double kMostLogitBias = 10000;

struct Reader {
  const std::string& rule;
  const FailOption& fail;

  void refuse(const json::Value& value) const {
    fail(value.is_number() || value.is_bool() ? json::dump(value) : value.describe(), rule);
  }
  TokenId id(const json::Value& value) const {
    if (!value.is_integer()) refuse(value);
    const std::int64_t id = value.as_integer();
    if (id < 0 || id > kLargestId) fail(std::to_string(id), "a token id must be in [0, 16777215]");
    return static_cast<TokenId>(id);
  }
  double bias(const json::Value& value, double most, std::string_view range) const {
    if (!value.is_number()) refuse(value);
    const double bias = value.as_number();
    if (bias <= kMinusInfinity) return kNever;
    if (!(std::abs(bias) <= most)) fail(json::dump(value), "a bias must be " + std::string(range) + ", or -Infinity");
    return bias;
  }
};

// "(1, 2)" or "(5,)" as ids; nothing where it is neither.
std::optional<json::Value> parse_tuple(std::string_view key) {
  if (key.size() < 2 || !key.starts_with('(') || !key.ends_with(')')) return std::nullopt;
  key = key.substr(1, key.size() - 2);
  json::Array ids;
  while (!key.empty()) {
    const std::size_t comma = std::min(key.find(','), key.size());
    std::string_view digits = key.substr(0, comma);
    key.remove_prefix(std::min(comma + 1, key.size()));
    while (digits.starts_with(' ')) digits.remove_prefix(1);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    ids.emplace_back(id);
  }
  return ids;
}

// Calls `take(first, second)` for every item of a list of pairs, `take_key(key, second)` for every member of an object.
template <typename Take, typename TakeKey>
void for_each_pair(const json::Value& value, const Reader& reader, Take take, TakeKey take_key) {
  if (value.is_object()) {
    for (const auto& [key, bias] : value.as_object()) take_key(key, bias);
    return;
  }
  if (!value.is_array()) reader.refuse(value);
  for (const json::Value& item : value.as_array()) {
    if (!item.is_array() || item.as_array().size() != 2) reader.refuse(item);
    take(item.as_array()[0], item.as_array()[1]);
  }
}

}  // namespace

std::vector<SequenceBias> read_sequence_bias(const json::Value& value, const std::string& rule,
                                             const FailOption& fail) {
  const Reader reader{rule, fail};
  std::vector<SequenceBias> biases;
  const auto add = [&](const json::Value& ids, const json::Value& bias) {
    if (!ids.is_array() || ids.as_array().empty()) reader.refuse(ids);
    SequenceBias& last = biases.emplace_back();
    for (const json::Value& id : ids.as_array()) last.ids.push_back(reader.id(id));
    last.bias = reader.bias(bias, std::numeric_limits<float>::max(), "a number that 32 bits hold");
  };
  for_each_pair(value, reader, add, [&](const std::string& key, const json::Value& bias) {
    const std::optional<json::Value> ids = parse_tuple(key);
    if (!ids) fail(quoted(key), "must be token ids, as in \"(1, 2)\"");
    add(*ids, bias);
  });
  return biases;
}

std::vector<LogitBias> read_logit_bias(const json::Value& value, const std::string& rule, const FailOption& fail) {
  const Reader reader{rule, fail};
  std::vector<LogitBias> biases;
  const auto add = [&](const json::Value& token, const json::Value& bias) {
    LogitBias& last = biases.emplace_back();
    if (!token.is_string()) {
      last.token = reader.id(token);
    } else if (token.as_string().empty()) {
      reader.refuse(token);
    } else {
      last.text = token.as_string();
    }
    const bool is_never = bias.is_bool() && !bias.as_bool();
    last.bias = is_never ? kNever : reader.bias(bias, kMostLogitBias, "in [-10000, 10000]");
  };
  for_each_pair(value, reader, add, [&](const std::string& key, const json::Value& bias) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool is_id = error == std::errc() && end == key.data() + key.size();
    add(is_id ? json::Value(id) : json::Value(key), bias);
  });
  return biases;
}

json::Value write(const SequenceBias& bias) {
  json::Array ids;
  for (const TokenId id : bias.ids) ids.emplace_back(static_cast<std::int64_t>(id));
  return json::Array{std::move(ids), bias.bias};
}

json::Value write(const LogitBias& bias) {
  return json::Array{bias.text.empty() ? json::Value(static_cast<std::int64_t>(bias.token)) : json::Value(bias.text),
                     bias.bias};
}

}  // namespace skald::decode
