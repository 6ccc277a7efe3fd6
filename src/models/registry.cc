#include "models/registry.h"

#include <algorithm>
#include <array>

#include "skald/error.h"

namespace skald::models {

Maker make_bart, make_bloom, make_deepseek_v3, make_fundamentallm, make_gemma2, make_gpt2, make_gpt_oss, make_llama,
    make_mamba2, make_mistral, make_mixtral, make_mt5, make_phi3, make_qwen2, make_qwen2_moe, make_qwen3, make_t5;

namespace {

constexpr std::array kArchitectures = {
    Architecture{"bart", "BartForConditionalGeneration", "model.", &make_bart},
    Architecture{"bloom", "BloomForCausalLM", "transformer.", &make_bloom},
    Architecture{"deepseek_v3", "DeepseekV3ForCausalLM", "model.", &make_deepseek_v3},
    Architecture{"fundamentallm", "FundamentaLLM", "", &make_fundamentallm},
    Architecture{"gemma2", "Gemma2ForCausalLM", "model.", &make_gemma2},
    Architecture{"gpt2", "GPT2LMHeadModel", "transformer.", &make_gpt2},
    Architecture{"gpt_oss", "GptOssForCausalLM", "model.", &make_gpt_oss},
    Architecture{"llama", "LlamaForCausalLM", "model.", &make_llama},
    Architecture{"mamba2", "Mamba2ForCausalLM", "backbone.", &make_mamba2},
    Architecture{"mistral", "MistralForCausalLM", "model.", &make_mistral},
    Architecture{"mixtral", "MixtralForCausalLM", "model.", &make_mixtral},
    Architecture{"mt5", "MT5ForConditionalGeneration", "", &make_mt5},
    Architecture{"phi3", "Phi3ForCausalLM", "model.", &make_phi3},
    Architecture{"qwen2", "Qwen2ForCausalLM", "model.", &make_qwen2},
    Architecture{"qwen2_moe", "Qwen2MoeForCausalLM", "model.", &make_qwen2_moe},
    Architecture{"qwen3", "Qwen3ForCausalLM", "model.", &make_qwen3},
    Architecture{"t5", "T5ForConditionalGeneration", "", &make_t5},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(const json::Fields& config, std::span<const Architecture> known) {
  const std::string type = config.need_string("model_type");
  const auto found = std::ranges::find(known, std::string_view(type), &Architecture::model_type);
  if (found != known.end()) return *found;
  std::string names;
  for (const Architecture& a : known) names += (names.empty() ? "" : ", ") + std::string(a.model_type);
  throw UnsupportedError(
      ErrorFields{.file = config.file(), .field = "model_type", .value = quoted(type), .rule = "known are " + names});
}

}  // namespace skald::models
