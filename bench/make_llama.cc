// make_llama DIR f32|bf16: a Llama of TinyLlama-1.1B's shape with random weights, as a Hugging Face folder without a
// tokenizer. The weights are a function of tensor and place alone: every run makes the same model.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "base/float16.h"
#include "formats/safetensors_writer.h"
#include "skald/error.h"

namespace {

using skald::DType;
using skald::TensorSpec;

constexpr std::uint64_t kLayers = 22;
constexpr std::uint64_t kHidden = 2048;
constexpr std::uint64_t kFeedForward = 5632;
constexpr std::uint64_t kKeyValue = 4 * 64;  // 4 heads of 64, read by 32 query heads
constexpr std::uint64_t kVocabulary = 32000;

constexpr const char* kConfig = R"({
  "architectures": ["LlamaForCausalLM"],
  "model_type": "llama",
  "hidden_size": 2048,
  "intermediate_size": 5632,
  "num_hidden_layers": 22,
  "num_attention_heads": 32,
  "num_key_value_heads": 4,
  "vocab_size": 32000,
  "max_position_embeddings": 32768,
  "rms_norm_eps": 1e-05,
  "rope_theta": 10000.0,
  "hidden_act": "silu",
  "tie_word_embeddings": false,
  "bos_token_id": 1,
  "eos_token_id": 2
}
)";

std::vector<TensorSpec> tensors(DType dtype) {
  std::vector<TensorSpec> out;
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape) {
    out.push_back({name, dtype, std::move(shape)});
  };
  add("model.embed_tokens.weight", {kVocabulary, kHidden});
  for (std::uint64_t i = 0; i < kLayers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm.weight", {kHidden});
    add(layer + "self_attn.q_proj.weight", {kHidden, kHidden});
    add(layer + "self_attn.k_proj.weight", {kKeyValue, kHidden});
    add(layer + "self_attn.v_proj.weight", {kKeyValue, kHidden});
    add(layer + "self_attn.o_proj.weight", {kHidden, kHidden});
    add(layer + "post_attention_layernorm.weight", {kHidden});
    add(layer + "mlp.gate_proj.weight", {kFeedForward, kHidden});
    add(layer + "mlp.up_proj.weight", {kFeedForward, kHidden});
    add(layer + "mlp.down_proj.weight", {kHidden, kFeedForward});
  }
  add("model.norm.weight", {kHidden});
  add("lm_head.weight", {kVocabulary, kHidden});
  return out;
}

// SplitMix64: a random number for every counter.
std::uint64_t mix(std::uint64_t counter) {
  std::uint64_t z = counter * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Uniform of standard deviation 0.02; gains around 1.
float weight(const TensorSpec& tensor, std::uint64_t seed, std::uint64_t index) {
  constexpr float kRange = 0.02F * 1.7320508F;
  const float unit = static_cast<float>(mix(seed + index) >> 40) * 0x1p-24F;  // [0, 1)
  const float centred = (2 * unit - 1) * kRange;
  return tensor.shape.size() == 1 ? 1 + centred : centred;
}

template <class Stored, class Convert>
void fill_as(const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> out, Convert convert) {
  const std::uint64_t seed = std::hash<std::string>()(tensor.name);
  const std::uint64_t first = begin / sizeof(Stored);
  for (std::size_t i = 0; i < out.size() / sizeof(Stored); ++i) {
    const Stored value = convert(weight(tensor, seed, first + i));
    std::memcpy(out.data() + i * sizeof(Stored), &value, sizeof(Stored));
  }
}

void fill(const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> out) {
  if (tensor.dtype == DType::f32) {
    fill_as<float>(tensor, begin, out, [](float x) { return x; });
  } else {
    fill_as<skald::BFloat16>(tensor, begin, out, skald::to_bfloat16);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string type = argc == 3 ? argv[2] : "";
  if (type != "f32" && type != "bf16") {
    std::cerr << "usage: make_llama DIR f32|bf16\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    const auto write_tensor = [](const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> out) {
      fill(tensor, begin, out);
    };
    skald::write_safetensors(folder / "model.safetensors", tensors(type == "f32" ? DType::f32 : DType::bf16),
                             write_tensor, {{"format", "pt"}});
    std::ofstream(folder / "config.json") << kConfig;
  } catch (const std::exception& error) {
    std::cerr << "make_llama: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
