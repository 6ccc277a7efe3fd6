#include "decode/watermark_config.h"

#include <algorithm>
#include <array>

#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kInt53 = 9007199254740991;  // what every JSON reader keeps exact
constexpr std::size_t kMostKeys = 256;

using Seeding = GreenListWatermark::Seeding;

// The members of one JSON object, taken one by one.
class Fields {
 public:
  Fields(const json::Value& value, const std::string& file, std::string_view name)
      : value_(value), file_(file), name_(name) {
    if (!value.is_object()) fail("", value, "must be an object of the fields of a watermarking config");
  }

  void read(std::string_view field, std::int64_t low, std::int64_t high, std::int64_t& out) {
    const json::Value* const found = take(field);
    if (found == nullptr) return;
    if (!found->is_integer() || found->as_integer() < low || found->as_integer() > high) {
      fail(field, *found, "must be an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
    }
    out = found->as_integer();
  }

  void read(std::string_view field, bool& out) {
    const json::Value* const found = take(field);
    if (found == nullptr) return;
    if (!found->is_bool()) fail(field, *found, "must be true or false");
    out = found->as_bool();
  }

  template <typename InRange>
  void read(std::string_view field, InRange in_range, const char* rule, double& out) {
    const json::Value* const found = take(field);
    if (found == nullptr) return;
    if (!found->is_number() || !in_range(found->as_number())) fail(field, *found, rule);
    out = found->as_number();
  }

  void read(std::string_view field, Seeding& out) {
    const json::Value* const found = take(field);
    if (found == nullptr) return;
    const std::string text = found->is_string() ? found->as_string() : "";
    if (text != "lefthash" && text != "selfhash") fail(field, *found, "must be lefthash or selfhash");
    out = text == "lefthash" ? Seeding::lefthash : Seeding::selfhash;
  }

  void read(std::string_view field, std::vector<std::int64_t>& out) {
    const json::Value* const found = take(field);
    const char* const rule = "must be a list of 1 to 256 integers";
    if (found == nullptr) fail(field, {}, rule);
    if (!found->is_array() || found->as_array().empty() || found->as_array().size() > kMostKeys) {
      fail(field, *found, rule);
    }
    for (const json::Value& key : found->as_array()) {
      if (!key.is_integer()) fail(field, key, rule);
      out.push_back(key.as_integer());
    }
  }

  // Everything must have been taken.
  void finish() const {
    for (const auto& [key, value] : value_.as_object()) {
      if (std::ranges::find(taken_, key) == taken_.end()) fail(key, value, "is no field of this watermark");
    }
  }

 private:
  const json::Value* take(std::string_view field) {
    taken_.push_back(field);
    const json::Value* const found = value_.find(field);
    return found == nullptr || found->is_null() ? nullptr : found;
  }
  [[noreturn]] void fail(std::string_view field, const json::Value& value, std::string rule) const {
    std::string place(name_);
    if (!field.empty()) place += (place.empty() ? "" : ".") + std::string(field);
    throw OptionError(
        {.file = file_, .field = std::move(place), .value = json::dump(value).substr(0, 64), .rule = std::move(rule)});
  }

  const json::Value& value_;
  const std::string& file_;
  std::string_view name_;
  std::vector<std::string_view> taken_;
};

GreenListWatermark read_green_list(Fields fields) {
  GreenListWatermark out;
  const auto is_share = [](double x) { return x > 0 && x < 1; };
  const auto is_bias = [](double x) { return x >= -1000 && x <= 1000; };
  fields.read("greenlist_ratio", is_share, "must be a number in (0, 1)", out.greenlist_ratio);
  fields.read("bias", is_bias, "must be a number in [-1000, 1000]", out.bias);
  fields.read("hashing_key", 0, kInt53, out.hashing_key);
  fields.read("seeding_scheme", out.seeding_scheme);
  fields.read("context_width", 1, 65536, out.context_width);
  fields.finish();
  return out;
}

SynthIdWatermark read_synthid(Fields fields) {
  SynthIdWatermark out;
  fields.read("ngram_len", 2, 4096, out.ngram_len);
  fields.read("keys", out.keys);
  fields.read("context_history_size", 0, 1 << 20, out.context_history_size);
  fields.read("sampling_table_seed", 0, kInt53, out.sampling_table_seed);
  fields.read("sampling_table_size", 1, 1 << 24, out.sampling_table_size);
  fields.read("skip_first_ngram_calls", out.skip_first_ngram_calls);
  fields.read("debug_mode", out.debug_mode);
  fields.finish();
  return out;
}

json::Value to_value(const GreenListWatermark& green) {
  return json::Object{{"greenlist_ratio", green.greenlist_ratio},
                      {"bias", green.bias},
                      {"hashing_key", green.hashing_key},
                      {"seeding_scheme", green.seeding_scheme == Seeding::lefthash ? "lefthash" : "selfhash"},
                      {"context_width", green.context_width}};
}

json::Value to_value(const SynthIdWatermark& synthid) {
  json::Array keys;
  for (const std::int64_t key : synthid.keys) keys.emplace_back(key);
  return json::Object{{"ngram_len", synthid.ngram_len},
                      {"keys", keys},
                      {"context_history_size", synthid.context_history_size},
                      {"sampling_table_seed", synthid.sampling_table_seed},
                      {"sampling_table_size", synthid.sampling_table_size},
                      {"skip_first_ngram_calls", synthid.skip_first_ngram_calls},
                      {"debug_mode", synthid.debug_mode}};
}

}  // namespace

WatermarkingConfig read_watermarking_config(const json::Value& value, const std::string& file, std::string_view name) {
  Fields fields(value, file, name);
  if (value.find("keys") != nullptr || value.find("ngram_len") != nullptr) return read_synthid(std::move(fields));
  return read_green_list(std::move(fields));
}

json::Value watermarking_to_json(const WatermarkingConfig& config) {
  return std::visit([](const auto& settings) { return to_value(settings); }, config);
}

}  // namespace skald::decode
