#include "models/registry.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "skald/error.h"

namespace skald::models {

Maker make_baichuan, make_bart, make_umt5, make_pegasus, make_mbart, make_marian, make_m2m_100, make_blenderbot,
    make_bloom, make_cohere, make_cohere2, make_deepseek_v2, make_deepseek_v3, make_exaone, make_exaone4, make_falcon,
    make_fundamentallm, make_gemma, make_gemma2, make_gemma3, make_gemma3_text, make_glm, make_glm4, make_gpt2,
    make_gpt_bigcode, make_gpt_neo, make_gpt_neox, make_gpt_oss, make_gptj, make_granite, make_granitemoe,
    make_internlm2, make_led, make_llama, make_mamba, make_mamba2, make_mistral, make_mixtral, make_mpt, make_mt5,
    make_nemotron, make_olmo, make_olmo2, make_opt, make_persimmon, make_phi, make_phi3, make_qwen2, make_qwen2_moe,
    make_qwen3, make_qwen3_moe, make_rwkv, make_smollm3, make_stablelm, make_starcoder2, make_t5;

namespace {

constexpr std::array kArchitectures = {
    Architecture{"baichuan", "BaichuanForCausalLM", "model.", &make_baichuan},
    Architecture{"bart", "BartForConditionalGeneration", "model.", &make_bart},
    Architecture{"blenderbot", "BlenderbotForConditionalGeneration", "model.", &make_blenderbot},
    Architecture{"bloom", "BloomForCausalLM", "transformer.", &make_bloom},
    Architecture{"cohere", "CohereForCausalLM", "model.", &make_cohere},
    Architecture{"cohere2", "Cohere2ForCausalLM", "model.", &make_cohere2},
    Architecture{"deepseek_v2", "DeepseekV2ForCausalLM", "model.", &make_deepseek_v2},
    Architecture{"deepseek_v3", "DeepseekV3ForCausalLM", "model.", &make_deepseek_v3},
    Architecture{"exaone", "ExaoneForCausalLM", "transformer.", &make_exaone},
    Architecture{"exaone4", "Exaone4ForCausalLM", "model.", &make_exaone4},
    Architecture{"falcon", "FalconForCausalLM", "transformer.", &make_falcon},
    Architecture{"fundamentallm", "FundamentaLLM", "", &make_fundamentallm},
    Architecture{"gemma", "GemmaForCausalLM", "model.", &make_gemma},
    Architecture{"gemma2", "Gemma2ForCausalLM", "model.", &make_gemma2},
    Architecture{"gemma3", "Gemma3ForConditionalGeneration", "language_model.", &make_gemma3},
    Architecture{"gemma3_text", "Gemma3ForCausalLM", "model.", &make_gemma3_text},
    Architecture{"glm", "GlmForCausalLM", "model.", &make_glm},
    Architecture{"glm4", "Glm4ForCausalLM", "model.", &make_glm4},
    Architecture{"gpt2", "GPT2LMHeadModel", "transformer.", &make_gpt2},
    Architecture{"gpt_bigcode", "GPTBigCodeForCausalLM", "transformer.", &make_gpt_bigcode},
    Architecture{"gpt_neo", "GPTNeoForCausalLM", "transformer.", &make_gpt_neo},
    Architecture{"gpt_neox", "GPTNeoXForCausalLM", "gpt_neox.", &make_gpt_neox},
    Architecture{"gpt_oss", "GptOssForCausalLM", "model.", &make_gpt_oss},
    Architecture{"gptj", "GPTJForCausalLM", "transformer.", &make_gptj},
    Architecture{"granite", "GraniteForCausalLM", "model.", &make_granite},
    Architecture{"granitemoe", "GraniteMoeForCausalLM", "model.", &make_granitemoe},
    Architecture{"internlm2", "InternLM2ForCausalLM", "model.", &make_internlm2},
    Architecture{"led", "LEDForConditionalGeneration", "led.", &make_led},
    Architecture{"llama", "LlamaForCausalLM", "model.", &make_llama},
    Architecture{"m2m_100", "M2M100ForConditionalGeneration", "model.", &make_m2m_100},
    Architecture{"mamba", "MambaForCausalLM", "backbone.", &make_mamba},
    Architecture{"mamba2", "Mamba2ForCausalLM", "backbone.", &make_mamba2},
    Architecture{"marian", "MarianMTModel", "model.", &make_marian},
    Architecture{"mbart", "MBartForConditionalGeneration", "model.", &make_mbart},
    Architecture{"mistral", "MistralForCausalLM", "model.", &make_mistral},
    Architecture{"mixtral", "MixtralForCausalLM", "model.", &make_mixtral},
    Architecture{"mpt", "MptForCausalLM", "transformer.", &make_mpt},
    Architecture{"mt5", "MT5ForConditionalGeneration", "", &make_mt5},
    Architecture{"nemotron", "NemotronForCausalLM", "model.", &make_nemotron},
    Architecture{"olmo", "OlmoForCausalLM", "model.", &make_olmo},
    Architecture{"olmo2", "Olmo2ForCausalLM", "model.", &make_olmo2},
    Architecture{"opt", "OPTForCausalLM", "model.", &make_opt},
    Architecture{"pegasus", "PegasusForConditionalGeneration", "model.", &make_pegasus},
    Architecture{"persimmon", "PersimmonForCausalLM", "model.", &make_persimmon},
    Architecture{"phi", "PhiForCausalLM", "model.", &make_phi},
    Architecture{"phi3", "Phi3ForCausalLM", "model.", &make_phi3},
    Architecture{"qwen2", "Qwen2ForCausalLM", "model.", &make_qwen2},
    Architecture{"qwen2_moe", "Qwen2MoeForCausalLM", "model.", &make_qwen2_moe},
    Architecture{"qwen3", "Qwen3ForCausalLM", "model.", &make_qwen3},
    Architecture{"qwen3_moe", "Qwen3MoeForCausalLM", "model.", &make_qwen3_moe},
    Architecture{"rwkv", "RwkvForCausalLM", "rwkv.", &make_rwkv},
    Architecture{"smollm3", "SmolLM3ForCausalLM", "model.", &make_smollm3},
    Architecture{"stablelm", "StableLmForCausalLM", "model.", &make_stablelm},
    Architecture{"starcoder2", "Starcoder2ForCausalLM", "model.", &make_starcoder2},
    Architecture{"t5", "T5ForConditionalGeneration", "", &make_t5},
    Architecture{"umt5", "UMT5ForConditionalGeneration", "", &make_umt5},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(const json::Fields& config, std::span<const Architecture> known) {
  const std::string type = config.need_string("model_type");
  const auto found = std::ranges::find(known, std::string_view(type), &Architecture::model_type);
  if (found != known.end()) return *found;
  const json::Value* const classes = config.find("architectures");
  if (classes != nullptr && classes->is_array()) {
    for (const json::Value& name : classes->as_array()) {
      const auto same = std::ranges::find_if(
          known, [&](const Architecture& a) { return name.is_string() && a.class_name == name.as_string(); });
      if (same == known.end()) continue;
      log_notice(LogLevel::warning, config.file() + ": model_type " + quoted(type) + " is not known: read as " +
                                        std::string(same->model_type) + ", which its architectures name");
      return *same;
    }
  }
  std::string names;
  for (const Architecture& a : known) names += (names.empty() ? "" : ", ") + std::string(a.model_type);
  throw UnsupportedError(
      ErrorFields{.file = config.file(), .field = "model_type", .value = quoted(type), .rule = "known are " + names});
}

}  // namespace skald::models
