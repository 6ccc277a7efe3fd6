#include "models/config.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/log.h"
#include "skald/error.h"

namespace skald::models {
namespace {

using json::Fields;

struct ActivationName {
  std::string_view name;
  kernels::Activation activation;
};

constexpr std::array<ActivationName, 8> kActivations = {{{"silu", kernels::Activation::silu},
                                                         {"swish", kernels::Activation::silu},
                                                         {"gelu", kernels::Activation::gelu_erf},
                                                         {"gelu_python", kernels::Activation::gelu_erf},
                                                         {"gelu_new", kernels::Activation::gelu_tanh},
                                                         {"gelu_fast", kernels::Activation::gelu_tanh},
                                                         {"gelu_pytorch_tanh", kernels::Activation::gelu_tanh},
                                                         {"relu", kernels::Activation::relu}}};

// UnsupportedError about a name that is not in a list.
[[noreturn]] void refuse_name(const Fields& fields, std::string_view key, const std::string& name, std::string known) {
  throw UnsupportedError(ErrorFields{.file = fields.file(),
                                     .field = fields.name(key),
                                     .value = quoted(name),
                                     .rule = "known are " + std::move(known)});
}

// In [1, most]; `unsaid` where the key is absent, 0: it must be there.
std::int64_t read_size(const Fields& fields, std::string_view key, std::int64_t most, std::int64_t unsaid) {
  if (unsaid > 0 && fields.find(key) == nullptr) return unsaid;
  return fields.need_integer(key, 1, most);
}

void read_heads(const Fields& fields, const ConfigDefaults& defaults, DecoderConfig& c) {
  const std::string_view heads = either_key(fields, "num_attention_heads", defaults.heads_key);
  c.n_heads = read_size(fields, heads, kMaxHeads, defaults.n_heads);
  const bool kv_absent = fields.find("num_key_value_heads") == nullptr;
  const std::int64_t kv_default = kv_absent && defaults.n_kv_heads > 0 ? defaults.n_kv_heads : c.n_heads;
  c.n_kv_heads = fields.get_integer("num_key_value_heads", 1, c.n_heads).value_or(kv_default);
  if (c.n_kv_heads > c.n_heads || c.n_heads % c.n_kv_heads != 0) {
    fields.fail("num_key_value_heads", "must divide num_attention_heads, which is " + std::to_string(c.n_heads));
  }
  const bool given = fields.has("head_dim");
  c.head_dim = fields.get_integer("head_dim", 2, 1 << 16).value_or(defaults.head_dim);
  if (c.head_dim == 0) c.head_dim = c.hidden_size / c.n_heads;
  if (!given && defaults.head_dim == 0 && c.hidden_size % c.n_heads != 0) {
    fields.fail(heads, "must divide hidden_size, which is " + std::to_string(c.hidden_size));
  }
  if (defaults.rotary && (c.head_dim < 2 || c.head_dim % 2 != 0)) {
    fields.fail(given ? "head_dim" : heads,
                "rotary positions need an even head_dim, not " + std::to_string(c.head_dim));
  }
}

// The scaling object, in either of its places; nullopt where there is none or it is empty.
std::optional<Fields> find_rope_object(const Fields& fields, std::string_view layer_type) {
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    auto object = fields.get_object(key);
    if (!object || object->value().as_object().empty()) continue;
    if (layer_type.empty()) return object;
    if (auto own = object->get_object(layer_type)) return own;
    const bool for_all = !object->has("full_attention") && !object->has("sliding_attention");
    if (for_all && layer_type == "full_attention") return object;
  }
  return std::nullopt;
}

std::string read_rope_type(const Fields& fields, const std::optional<Fields>& scaling, bool only_longrope) {
  if (!scaling) return "default";
  for (const json::Member& member : scaling->value().as_object()) {
    if (!member.value.is_object()) continue;
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = scaling->name(member.key),
                                       .rule = "this architecture has one set of rope parameters for all layers"});
  }
  const char* const key = scaling->has("rope_type") ? "rope_type" : "type";
  std::string type = scaling->get_string(key).value_or("default");
  if (only_longrope) {
    if (type == "su" || type == "yarn") return "longrope";
    if (type != "default" && type != "longrope") refuse_name(*scaling, key, type, "default, longrope");
  }
  const auto known = nn::rope_types();
  if (std::ranges::find(known, type) != known.end()) return type;
  std::string names;
  for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  refuse_name(*scaling, key, type, names);
}

// The long- or short_factor list of longrope.
std::vector<double> read_factors(const Fields& scaling, const char* key, std::int64_t count) {
  auto factors = scaling.get_numbers(key, 1e-6, 1e6);
  if (static_cast<std::int64_t>(factors.size()) != count) {
    scaling.fail(key, "must be an array of rotary_dim / 2 = " + std::to_string(count) + " numbers");
  }
  return factors;
}

void read_yarn(const Fields& scaling, nn::RopeSettings& rope) {
  constexpr double kMost = 1e6;
  rope.attention_factor = scaling.get_number("attention_factor", 0, kMost);
  const auto or_default = [&](const char* key, double value) {
    const double found = scaling.get_number(key, 0, kMost).value_or(0);
    return found == 0 ? value : found;
  };
  rope.beta_fast = or_default("beta_fast", 32);
  rope.beta_slow = or_default("beta_slow", 1);
  rope.mscale = scaling.get_number("mscale", 0, kMost);
  rope.mscale_all_dim = scaling.get_number("mscale_all_dim", 0, kMost);
  rope.truncate = scaling.get_bool("truncate").value_or(true);
}

void read_longrope(const Fields& scaling, nn::RopeSettings& rope) {
  rope.attention_factor = scaling.get_number("attention_factor", 0, 1e6);
  rope.short_factor = read_factors(scaling, "short_factor", rope.rotary_dim() / 2);
  rope.long_factor = read_factors(scaling, "long_factor", rope.rotary_dim() / 2);
  if (rope.original_positions < 2) scaling.fail("original_max_position_embeddings", "must be at least 2");
}

void read_llama3(const Fields& scaling, nn::RopeSettings& rope) {
  rope.low_freq_factor = scaling.need_number("low_freq_factor", 1e-6, 1e6);
  rope.high_freq_factor = scaling.need_number("high_freq_factor", 1e-6, 1e6);
  if (rope.high_freq_factor == rope.low_freq_factor) {
    scaling.fail("high_freq_factor", "must differ from low_freq_factor");
  }
}

// What a rope type needs beside theta.
struct RopeReader {
  std::string_view type;
  bool needs_factor;
  bool has_original;  // original_max_position_embeddings
  void (*read)(const Fields& scaling, nn::RopeSettings& rope);
};

void read_nothing(const Fields& /*scaling*/, nn::RopeSettings& /*rope*/) {}

constexpr std::array<RopeReader, 5> kRopeReaders = {{{"linear", true, false, read_nothing},
                                                     {"dynamic", true, false, read_nothing},
                                                     {"yarn", false, true, read_yarn},
                                                     {"longrope", false, true, read_longrope},
                                                     {"llama3", true, true, read_llama3}}};

void read_scaling(const Fields& fields, const Fields& scaling, std::int64_t unsaid_original, nn::RopeSettings& rope) {
  const auto reader = std::ranges::find(kRopeReaders, std::string_view(rope.type), &RopeReader::type);
  if (reader == kRopeReaders.end()) return;
  constexpr double kLow = 1e-6;
  constexpr double kHigh = 1e6;
  constexpr const char* kOriginal = "original_max_position_embeddings";
  if (reader->needs_factor) {
    rope.factor = scaling.need_number("factor", kLow, kHigh);
  } else {
    rope.factor = scaling.get_number("factor", kLow, kHigh);
  }
  if (reader->has_original) {  // a key beside the object goes first: some older checkpoints keep it there
    const auto beside = fields.get_integer(kOriginal, 1, kMaxPositions);
    const auto inside = scaling.get_integer(kOriginal, 1, kMaxPositions).value_or(rope.max_positions);
    rope.original_positions = beside.value_or(unsaid_original > 0 ? unsaid_original : inside);
    const auto ratio = static_cast<double>(rope.max_positions) / static_cast<double>(rope.original_positions);
    if (!rope.factor) rope.factor = ratio;
  }
  reader->read(scaling, rope);
}

}  // namespace

std::string_view either_key(const Fields& fields, std::string_view alias, std::string_view key) {
  return fields.find(alias) != nullptr ? alias : key;
}

kernels::Activation read_activation(const Fields& fields, std::string_view key, std::string_view fallback) {
  return find_activation(fields, key, fields.get_string(key).value_or(std::string(fallback)));
}

kernels::Activation find_activation(const Fields& fields, std::string_view key, const std::string& name) {
  const auto found = std::ranges::find(kActivations, std::string_view(name), &ActivationName::name);
  if (found != kActivations.end()) return found->activation;
  std::string known;
  for (const ActivationName& a : kActivations) known += (known.empty() ? "" : ", ") + std::string(a.name);
  refuse_name(fields, key, name, known);
}

float read_epsilon(const Fields& fields, std::string_view key, double fallback) {
  return static_cast<float>(fields.get_number(key, 0, 1).value_or(fallback));
}

std::pair<float, float> read_limits(const Fields& fields, std::string_view key) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (!fields.has(key)) return {0.0F, kInfinity};
  const auto number = [](const json::Value& item) {
    if (item.is_number()) return item.as_number();
    const json::Value* const special = item.find("__float__");
    const bool infinite = special != nullptr && special->is_string() && special->as_string() == "Infinity";
    return infinite ? std::numeric_limits<double>::max() : -1;
  };
  const json::Value& value = *fields.find(key);
  const bool pair = value.is_array() && value.as_array().size() == 2;
  const double low = pair ? number(value.as_array()[0]) : -1;
  const double high = pair ? number(value.as_array()[1]) : -1;
  if (low < 0 || high < low) fields.fail(key, "must be an array [low, high] with 0 <= low <= high");
  const auto narrow = [](double x) {
    return x > std::numeric_limits<float>::max() ? kInfinity : static_cast<float>(x);
  };
  return {narrow(low), narrow(high)};
}

void refuse_quantized(const Fields& fields) {
  const auto quantization = fields.get_object("quantization_config");
  if (!quantization) return;
  const json::Value* const method = quantization->find("quant_method");
  const bool own = method != nullptr && method->is_string() && method->as_string() == kQuantMethod;
  if (own) return;
  throw UnsupportedError(ErrorFields{.file = fields.file(),
                                     .field = "quantization_config",
                                     .value = method == nullptr ? "" : method->describe(),
                                     .rule = "quantised checkpoints are not read: use the original weights"});
}

// Which modules are MXFP4 is seen in the file.
static bool is_mxfp4(const Fields& fields) {
  const auto quantization = fields.get_object("quantization_config");
  const json::Value* const method = quantization ? quantization->find("quant_method") : nullptr;
  if (method == nullptr || !method->is_string() || method->as_string() != "mxfp4") return false;
  constexpr const char* kPlain = "modules_to_not_convert";
  if (!quantization->has(kPlain)) return true;
  const json::Value& plain = *quantization->find(kPlain);
  const auto is_string = [](const json::Value& v) { return v.is_string(); };
  if (!plain.is_array() || !std::ranges::all_of(plain.as_array(), is_string)) {
    quantization->fail(kPlain, "must be an array of strings");
  }
  return true;
}

std::vector<std::string> read_layer_types(const Fields& fields, std::int64_t n_layers) {
  if (!fields.has("layer_types")) return {};
  const json::Value& value = *fields.find("layer_types");
  if (!value.is_array() || static_cast<std::int64_t>(value.as_array().size()) != n_layers) {
    fields.fail("layer_types", "must be an array of num_hidden_layers = " + std::to_string(n_layers) + " strings");
  }
  std::vector<std::string> types;
  for (const json::Value& item : value.as_array()) {
    const bool known =
        item.is_string() && (item.as_string() == "full_attention" || item.as_string() == "sliding_attention");
    if (!known) {
      throw UnsupportedError(ErrorFields{.file = fields.file(),
                                         .field = "layer_types[" + std::to_string(types.size()) + "]",
                                         .value = item.describe(),
                                         .rule = "known are full_attention, sliding_attention"});
    }
    types.push_back(item.as_string());
  }
  return types;
}

nn::RopeSettings read_rope_settings(const Fields& fields, std::int64_t head_dim, std::int64_t max_positions,
                                    const ConfigDefaults& defaults) {
  const auto scaling = find_rope_object(fields, defaults.rope_of);
  nn::RopeSettings rope;
  rope.type = read_rope_type(fields, scaling, defaults.only_longrope);
  rope.head_dim = head_dim;
  rope.max_positions = max_positions;
  const auto read = [&](std::string_view own, std::string_view key, double low, double high) {
    const auto inside = scaling ? scaling->get_number(key, low, high) : std::nullopt;
    return inside ? inside : fields.get_number(own, low, high);
  };
  rope.theta = read(defaults.theta_key, "rope_theta", 1.0 + 1e-6, 1e15).value_or(defaults.rope_theta);
  rope.partial_rotary_factor =
      read(defaults.partial_rotary_key, "partial_rotary_factor", 0, 1).value_or(defaults.partial_rotary_factor);
  if (!defaults.partial_rotary && rope.type == "default" && rope.partial_rotary_factor != 1.0) {
    log_notice(LogLevel::warning, fields.file() + ": partial_rotary_factor is not used by this architecture");
    rope.partial_rotary_factor = 1.0;
  }
  // dynamic scaling raises to dim / (dim - 2)
  const std::int64_t least = rope.type == "dynamic" ? 4 : 2;
  if (rope.rotary_dim() < least || rope.rotary_dim() % 2 != 0) {
    (scaling ? *scaling : fields)
        .fail("partial_rotary_factor", "the rotated part of a head must be even and at least " + std::to_string(least) +
                                           ", not " + std::to_string(rope.rotary_dim()));
  }
  if (scaling) read_scaling(fields, *scaling, defaults.original_positions, rope);
  return rope;
}

std::int64_t read_window(const Fields& fields, std::int64_t unsaid) {
  if (fields.find("sliding_window") != nullptr) unsaid = 0;
  return fields.get_integer("sliding_window", 1, kMaxPositions).value_or(unsaid);
}

std::vector<std::int64_t> read_windows_by_turns(const Fields& fields, std::int64_t n_layers, std::int64_t unsaid,
                                                std::int64_t turn) {
  const std::vector<std::string> types = read_layer_types(fields, n_layers);
  const std::int64_t window = read_window(fields, unsaid);
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < n_layers; ++i) {
    const bool slides = types.empty() ? (i + 1) % turn != 0 : types[windows.size()] == "sliding_attention";
    if (slides && window == 0) fields.fail("sliding_window", "must be an integer: some layers have a window");
    windows.push_back(slides ? window : 0);
  }
  return windows;
}

std::vector<std::int64_t> read_windows_by_layer(const Fields& fields, std::int64_t n_layers) {
  const std::int64_t window = read_window(fields);
  const bool slides = fields.get_bool("use_sliding_window").value_or(false);
  const std::int64_t full_layers = fields.get_integer("max_window_layers", 0, kMaxPositions).value_or(28);
  const std::vector<std::string> types = read_layer_types(fields, n_layers);
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < n_layers; ++i) {
    const bool sliding = types.empty() ? i >= full_layers : types[windows.size()] == "sliding_attention";
    windows.push_back(slides && sliding ? window : 0);
  }
  return windows;
}

DecoderConfig read_decoder_config(const Fields& fields, const ConfigDefaults& defaults) {
  if (!defaults.mxfp4 || !is_mxfp4(fields)) refuse_quantized(fields);
  DecoderConfig c;
  c.model_type = fields.need_string("model_type");
  c.vocab_size = read_size(fields, "vocab_size", kMaxVocab, defaults.vocab_size);
  const auto name = [&](std::string_view common, std::string_view own) { return either_key(fields, common, own); };
  c.hidden_size = fields.need_integer(name("hidden_size", defaults.hidden_key), 1, kMaxWidth);
  if (defaults.inner_per_hidden == 0 || fields.has(defaults.inner_key)) {
    c.intermediate_size = fields.need_integer(defaults.inner_key, 1, kMaxWidth);
  } else {
    c.intermediate_size = defaults.inner_per_hidden * c.hidden_size;
  }
  c.n_layers = fields.need_integer(name("num_hidden_layers", defaults.layers_key), 1, kMaxLayers);
  read_heads(fields, defaults, c);
  const std::string_view positions = name("max_position_embeddings", defaults.positions_key);
  c.max_positions = fields.get_integer(positions, 1, kMaxPositions).value_or(defaults.max_positions);
  c.norm_eps = read_epsilon(fields, defaults.norm_eps_key, defaults.norm_eps);
  constexpr std::string_view kSquared = "relu2";
  const std::string activation = fields.get_string(defaults.activation_key).value_or(std::string(defaults.activation));
  c.squared = activation == kSquared && defaults.activation == kSquared;
  c.activation = find_activation(fields, defaults.activation_key, c.squared ? "relu" : activation);
  c.tie_word_embeddings = fields.get_bool("tie_word_embeddings").value_or(defaults.tie_word_embeddings);
  c.windows.assign(static_cast<std::size_t>(c.n_layers), 0);
  if (defaults.rotary) c.rope = read_rope_settings(fields, c.head_dim, c.max_positions, defaults);
  return c;
}

}  // namespace skald::models
