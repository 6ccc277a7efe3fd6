#include <algorithm>
#include <array>
#include <cmath>

#include "formats/gguf_architectures.h"
#include "formats/gguf_model.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr double kMostIds = 1 << 24;

// Settings of generation_config.json, under their whole keys.
constexpr std::array kGenerationSettings = {
    GgufSetting{"tokenizer.ggml.bos_token_id", "bos_token_id", 0, kMostIds},
    GgufSetting{"tokenizer.ggml.padding_token_id", "pad_token_id", 0, kMostIds},
    GgufSetting{"general.sampling.temp", "temperature", 0, 1e6},
    GgufSetting{"general.sampling.top_k", "top_k", 0, kMostIds},
    GgufSetting{"general.sampling.top_p", "top_p", 0, 1},
    GgufSetting{"general.sampling.min_p", "min_p", 0, 1},
    GgufSetting{"general.sampling.penalty_repeat", "repetition_penalty", 1e-6, 1e6}};

// Where config.json says what the file shows by having a tensor or not.
struct Presence {
  std::string_view tensor;
  std::string_view config;
  bool there;                   // what it is where the tensor is there
  std::string_view other = "";  // where q, k and v are one: a tensor that says the same
};
constexpr std::array kPresences = {Presence{"output.weight", "tie_word_embeddings", false},
                                   Presence{"blk.0.attn_q.bias", "attention_bias", true, "blk.0.attn_qkv.bias"},
                                   Presence{"blk.0.attn_qkv.bias", "bias", true},
                                   Presence{"blk.0.ffn_down.bias", "mlp_bias", true},
                                   Presence{"blk.0.attn_q.bias", "use_bias", true, "blk.0.ssm_in.bias"},
                                   Presence{"blk.0.ssm_conv1d.bias", "use_conv_bias", true},
                                   Presence{"blk.0.attn_q.bias", "use_qkv_bias", true},
                                   Presence{"blk.0.attn_q_norm.weight", "use_qk_norm", true},
                                   Presence{"blk.0.attn_q_norm.weight", "qk_layernorm", true},
                                   Presence{"blk.0.ffn_norm.weight", "use_parallel_residual", false}};

class ConfigReader {
 public:
  explicit ConfigReader(const GgufFile& file)
      : file_(file), architecture_(find_gguf_architecture(file)), prefix_(std::string(architecture_.name) + ".") {}

  json::Value read() {
    put("model_type", std::string(architecture_.model_type));
    put_all(architecture_.fixed);
    for (const GgufSetting& setting : architecture_.settings) take(prefix_ + std::string(setting.key), setting);
    for (const GgufSetting& setting : kGenerationSettings) take(std::string(setting.key), setting);
    if (file_.get_integer(prefix_ + "block_count") == architecture_.odd_blocks) take_odd();
    for (const Presence& p : kPresences) put(p.config, (has(p.tensor) || has(p.other)) == p.there);
    if (const auto flag = file_.get_bool(prefix_ + "use_parallel_residual")) put("use_parallel_residual", *flag);
    take_vocabulary();
    take_ends();
    check_experts();
    take_mixer();
    return std::move(config_);
  }

 private:
  [[noreturn]] void fail(std::string key, std::string value, std::string rule) const {
    throw FormatError(
        {.file = file_.path(), .field = std::move(key), .value = std::move(value), .rule = std::move(rule)});
  }

  [[nodiscard]] bool has(std::string_view tensor) const { return file_.find(tensor) != nullptr; }

  static void put_in(json::Object& object, std::string_view key, json::Value value) {
    const auto same = std::ranges::find(object, key, &json::Member::key);
    if (same != object.end()) {
      same->value = std::move(value);
    } else {
      object.push_back({std::string(key), std::move(value)});
    }
  }

  void put(std::string_view key, json::Value value) {
    const std::size_t dot = key.find('.');
    if (dot == std::string_view::npos) return put_in(config_, key, std::move(value));
    const auto outer = std::ranges::find(config_, key.substr(0, dot), &json::Member::key);
    json::Object inner = outer == config_.end() ? json::Object{} : outer->value.as_object();
    put_in(inner, key.substr(dot + 1), std::move(value));
    put_in(config_, key.substr(0, dot), std::move(inner));
  }

  void put_all(std::string_view object) {
    const json::Value members = json::parse(object, "the table of architectures");
    for (const auto& [key, value] : members.as_object()) put(key, value);
  }

  void take_odd() {
    if (architecture_.odd_refused.empty()) return put_all(architecture_.odd_fixed);
    throw UnsupportedError({.file = file_.path(),
                            .field = prefix_ + "block_count",
                            .value = std::to_string(architecture_.odd_blocks),
                            .rule = std::string(architecture_.odd_refused)});
  }

  void take(const std::string& key, const GgufSetting& setting) {
    const auto number = file_.get_number(key);
    if (!number && !setting.needed) return;
    if (!number) fail(key, {}, "is missing");
    const bool whole = number->is_integer();
    const double value = number->as_number();
    if (value == 0 && setting.none_at_zero) return;
    if (value >= setting.low && value <= setting.high) {
      // A whole number is an integer, whatever type it is stored in.
      if (!whole && value == std::floor(value)) return put(setting.config, static_cast<std::int64_t>(value));
      return put(setting.config, *number);
    }
    const auto limit = [&](double x) { return json::dump(whole ? json::Value(static_cast<std::int64_t>(x)) : x); };
    fail(key, json::dump(*number), "must be in [" + limit(setting.low) + ", " + limit(setting.high) + "]");
  }

  void take_vocabulary() {
    const TensorInfo* const embedding = file_.find("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2) {
      fail("tensor 'token_embd.weight'", {}, "is missing, or no matrix: it has the embeddings of all tokens");
    }
    put("vocab_size", static_cast<std::int64_t>(embedding->shape[0]));
  }

  // A turn may end otherwise than a text.
  void take_ends() {
    json::Array ids;
    for (const std::string_view key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
      const auto id = file_.get_integer(key);
      if (id && (ids.empty() || ids[0].as_integer() != *id)) ids.emplace_back(*id);
    }
    if (ids.size() == 1) put("eos_token_id", ids[0]);
    if (ids.size() > 1) put("eos_token_id", std::move(ids));
  }

  void check_heads() const {
    const std::string key = prefix_ + "attention.head_count";
    const std::int64_t heads = *file_.get_integer(key);
    const std::int64_t kv_heads = file_.get_integer(key + "_kv").value_or(heads);
    if (kv_heads < 1 || heads % kv_heads != 0) {
      fail(key + "_kv", std::to_string(kv_heads), "must divide " + key + ", which is " + std::to_string(heads));
    }
    const std::int64_t hidden = *file_.get_integer(prefix_ + "embedding_length");
    const auto key_length = file_.get_integer(prefix_ + "attention.key_length");
    if (!key_length && hidden % heads != 0) {
      fail(key, std::to_string(heads), "must divide embedding_length, which is " + std::to_string(hidden));
    }
    const auto value_length = file_.get_integer(prefix_ + "attention.value_length");
    const bool alike = architecture_.mixer == GgufMixer::attention;
    if (alike && value_length && *value_length != key_length.value_or(hidden / heads)) {
      throw UnsupportedError({.file = file_.path(),
                              .field = prefix_ + "attention.value_length",
                              .value = std::to_string(*value_length),
                              .rule = "must be the length of keys, " +
                                      std::to_string(key_length.value_or(hidden / heads)) + ", in this architecture"});
    }
  }

  void take_mixer() {
    if (architecture_.mixer == GgufMixer::recurrence) return take_recurrence();
    check_heads();
    architecture_.mixer == GgufMixer::attention ? take_rope() : take_latent();
  }

  // The file has the width, config.json its share of hidden_size; of Mamba-2 also the heads.
  void take_recurrence() {
    const std::string key = prefix_ + "ssm.inner_size";
    const std::int64_t width = file_.get_integer(key).value_or(0);
    const auto cut = [&](std::int64_t part, const std::string& rule) {
      if (part > 0 && width >= part && width % part == 0) return width / part;
      fail(key, std::to_string(width), rule + std::to_string(part));
    };
    put("expand", cut(*file_.get_integer(prefix_ + "embedding_length"), "must be a multiple of embedding_length, "));
    if (architecture_.model_type != "mamba2") return;
    const std::int64_t heads = file_.get_integer(prefix_ + "ssm.time_step_rank").value_or(0);
    put("num_heads", heads);
    put("head_dim", cut(heads, "must be a multiple of ssm.time_step_rank, the number of heads, "));
  }

  // Queries are rotated in part, and scores scaled by how far positions are stretched.
  void take_latent() {
    const std::string key = prefix_ + "attention.key_length_mla";
    const std::int64_t length = file_.get_integer(key).value_or(0);
    const std::int64_t rotated = file_.get_integer(prefix_ + "rope.dimension_count").value_or(0);
    if (rotated < 2 || length <= rotated) {
      fail(key, std::to_string(length), "must be above rope.dimension_count, which is " + std::to_string(rotated));
    }
    put("qk_rope_head_dim", rotated);
    put("qk_nope_head_dim", length - rotated);
    put("norm_topk_prob", file_.get_bool(prefix_ + "expert_weights_norm").value_or(false));
    const bool grouped = file_.get_integer(prefix_ + "expert_group_count").value_or(1) > 1;
    put("topk_method", std::string(grouped ? "group_limited_greedy" : "greedy"));
    json::Object scaling = rope_scaling();
    if (scaling.empty()) return;
    if (const auto stretch = file_.get_number(prefix_ + "rope.scaling.yarn_log_multiplier")) {
      const double magnitude = stretch->as_number() / 0.1;
      for (const char* const name : {"mscale", "mscale_all_dim"}) scaling.push_back({name, magnitude});
    }
    put("rope_scaling", std::move(scaling));
  }

  void check_experts() const {
    const auto count = file_.get_integer(prefix_ + "expert_count").value_or(0);
    const auto used = file_.get_integer(prefix_ + "expert_used_count").value_or(0);
    if (used <= count) return;
    fail(prefix_ + "expert_used_count", std::to_string(used),
         "must be at most expert_count, which is " + std::to_string(count));
  }

  [[nodiscard]] std::int64_t head_dim() const {
    const std::int64_t hidden = *file_.get_integer(prefix_ + "embedding_length");
    const std::int64_t heads = *file_.get_integer(prefix_ + "attention.head_count");
    return file_.get_integer(prefix_ + "attention.key_length").value_or(hidden / heads);
  }

  void take_rope() {
    const std::string key = prefix_ + "rope.dimension_count";
    const std::int64_t rotated = file_.get_integer(key).value_or(head_dim());
    if (rotated > head_dim() || (rotated < head_dim() && architecture_.partial_rotary.empty())) {
      fail(key, std::to_string(rotated), "must be the size of a head, which is " + std::to_string(head_dim()));
    }
    // Also where it is the whole: families differ in what they take for granted.
    if (!architecture_.partial_rotary.empty()) {
      put(architecture_.partial_rotary, static_cast<double>(rotated) / static_cast<double>(head_dim()));
    }
    json::Object scaling = rope_scaling();
    if (!scaling.empty()) put("rope_scaling", std::move(scaling));
  }

  [[nodiscard]] json::Object rope_scaling() const {
    if (const TensorInfo* const tensor = file_.find("rope_freqs.weight")) return given_frequencies(*tensor);
    const TensorInfo* const short_factors = file_.find("rope_factors_short.weight");
    const TensorInfo* const long_factors = file_.find("rope_factors_long.weight");
    if (short_factors != nullptr && long_factors != nullptr) return longrope(*short_factors, *long_factors);
    const std::string scaling = prefix_ + "rope.scaling.";
    const auto type = file_.get_text(scaling + "type").value_or("none");
    if (type == "none") return {};
    json::Object object{{"rope_type", std::string(type)}};
    add(object, "factor", scaling + "factor");
    add(object, "original_max_position_embeddings", scaling + "original_context_length");
    add(object, "beta_fast", scaling + "yarn_beta_fast");
    add(object, "beta_slow", scaling + "yarn_beta_slow");
    return object;
  }

  void add(json::Object& object, const char* config, const std::string& key) const {
    if (const auto number = file_.get_number(key)) object.push_back({config, *number});
  }

  // Divisors of all frequencies, as Llama 3's scaling has them: longrope with one set of factors.
  [[nodiscard]] json::Object given_frequencies(const TensorInfo& tensor) const {
    const json::Value factors = numbers(tensor);
    return {{"rope_type", "longrope"},
            {"short_factor", factors},
            {"long_factor", factors},
            {"attention_factor", 1.0},
            {"original_max_position_embeddings", std::int64_t{1} << 31}};
  }

  [[nodiscard]] json::Object longrope(const TensorInfo& short_factors, const TensorInfo& long_factors) const {
    json::Object object{
        {"rope_type", "longrope"}, {"short_factor", numbers(short_factors)}, {"long_factor", numbers(long_factors)}};
    add(object, "original_max_position_embeddings", prefix_ + "rope.scaling.original_context_length");
    add(object, "attention_factor", prefix_ + "rope.scaling.attn_factor");
    return object;
  }

  // A short vector of f32; its length is checked where it is used.
  [[nodiscard]] json::Array numbers(const TensorInfo& tensor) const {
    constexpr std::uint64_t kMost = 1 << 16;
    if (tensor.dtype != DType::f32 || tensor.shape.size() != 1 || tensor.shape[0] > kMost) {
      fail("tensor " + quoted(tensor.name), std::string(stored_type_name(tensor)) + " " + shape_text(tensor.shape),
           "must be a vector of F32");
    }
    std::vector<float> values(tensor.shape[0]);
    file_.read(tensor, 0, std::as_writable_bytes(std::span(values)));
    json::Array array;
    for (const float value : values) {
      if (!std::isfinite(value)) fail("tensor " + quoted(tensor.name), std::to_string(value), "must be finite");
      array.emplace_back(static_cast<double>(value));
    }
    return array;
  }

  const GgufFile& file_;
  const GgufArchitecture& architecture_;
  std::string prefix_;
  json::Object config_;
};

}  // namespace

json::Value read_gguf_config(const GgufFile& file) { return ConfigReader(file).read(); }

}  // namespace skald
