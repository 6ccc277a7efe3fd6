// What a request asks for: the options of text generation, under the names that transformers gives them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "skald/export.h"

namespace skald {

using TokenId = std::int32_t;

/// A number added to the logit of the last of `ids` where the others come right before it.
struct SequenceBias {
  std::vector<TokenId> ids;  // not empty
  double bias = 0;           // -inf: never
  friend bool operator==(const SequenceBias&, const SequenceBias&) = default;
};

/// A number added to the logit of a token, or of every token that is `text` or `text` after a space.
struct LogitBias {
  TokenId token = -1;
  std::string text = {};  // not empty: instead of `token`
  double bias = 0;
  friend bool operator==(const LogitBias&, const LogitBias&) = default;
};

/// watermarking_config of Kirchenbauer et al. 2023, https://arxiv.org/abs/2306.04634 : `bias` is added to the logits of
/// "green" tokens, a share of the vocabulary that the tokens before choose. As transformers' WatermarkingConfig.
struct GreenListWatermark {
  enum class Seeding {
    lefthash,  // the last token chooses
    selfhash,  // the token itself and those before it
  };
  double greenlist_ratio = 0.25;  // (0, 1)
  double bias = 2;
  std::int64_t hashing_key = 15485863;
  Seeding seeding_scheme = Seeding::lefthash;
  std::int64_t context_width = 1;  // tokens that choose
  friend bool operator==(const GreenListWatermark&, const GreenListWatermark&) = default;
};

/// watermarking_config of SynthID-Text (Dathathri et al. 2024, https://doi.org/10.1038/s41586-024-08025-4 ): tokens
/// whose hash with each key wins a tournament become likelier. As transformers' SynthIDTextWatermarkingConfig.
struct SynthIdWatermark {
  std::int64_t ngram_len = 5;                // tokens that are hashed together
  std::vector<std::int64_t> keys = {};       // one round of the tournament each
  std::int64_t context_history_size = 1024;  // contexts that are remembered: in a repeated one nothing is marked
  std::int64_t sampling_table_seed = 0;
  std::int64_t sampling_table_size = 65536;
  bool skip_first_ngram_calls = false;  // do not mark the first ngram_len - 1 tokens
  bool debug_mode = false;              // mark an even distribution instead of the model's
  friend bool operator==(const SynthIdWatermark&, const SynthIdWatermark&) = default;
};

using WatermarkingConfig = std::variant<GreenListWatermark, SynthIdWatermark>;

/// A text, or the ids of the tokens whose text is meant.
using TextOrIds = std::variant<std::string, std::vector<TokenId>>;

struct GenerationConfig;

/// A part of the continuation: a fixed text, or one that is generated.
struct Segment {
  std::string text = {};                                  // where `generate` is null
  std::shared_ptr<const GenerationConfig> generate = {};  // max_new_tokens, stop_strings and how tokens are chosen
};

/// exponential_decay_length_penalty: from `start` generated tokens on, ending becomes likelier by `factor` a token.
struct LengthDecay {
  std::int64_t start = 0;
  double factor = 1;
  friend bool operator==(const LengthDecay&, const LengthDecay&) = default;
};

/// When beam search stops: once num_beams hypotheses have ended (yes), when the running ones look worse than those
/// (no), or when they cannot become better at any length (never).
enum class EarlyStopping { no, yes, never };

/// What beams divide a sum of log-probabilities by, with n the tokens and a the length_penalty: n^a, or
/// ((5 + n) / 6)^a.
enum class LengthPenaltyForm { power, gnmt };

/// Something that beams must contain: one phrase, or one of several.
struct ForcedWord {
  std::vector<std::vector<TokenId>> alternatives;  // not empty, none of them the beginning of another
  friend bool operator==(const ForcedWord&, const ForcedWord&) = default;
};

/// How long drafts are: always the same; as transformers' heuristic; by how the last ones did.
enum class DraftSchedule { constant, heuristic, heuristic_transient, adaptive };

/// Which earlier layers DoLa contrasts the last one with.
struct DolaLayers {
  enum class Kind { low, high, list };
  Kind kind = Kind::low;
  std::vector<std::int32_t> layers = {};  // list: 0 is the embedding
  friend bool operator==(const DolaLayers&, const DolaLayers&) = default;
};

/// What a text can be guided to: two texts that stand before the prompt in two further copies of the sequence, one that
/// carries the attribute and one that opposes it.
struct Attribute {
  std::string name;
  std::string positive;
  std::string negative;
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// A term of the logits: weight * (log-probabilities of an expert model - those of an anti-expert).
struct ExpertTerm {
  std::string expert = {};       // name of a loaded model; empty: none
  std::string anti_expert = {};  // likewise
  double weight = 1;
  friend bool operator==(const ExpertTerm&, const ExpertTerm&) = default;
};

/// Layers of the decoder by number, the first is 0; both ends count.
struct LayerRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  friend bool operator==(const LayerRange&, const LayerRange&) = default;
};

/// Options of one request. A field left unset takes the value of the next lower rank: the model's
/// generation_config.json, then the defaults of the door that is used. Ranges, formulas and sources stand in the option
/// table (generation_options()), which also makes the command's flags, the JSON fields and the reference page.
struct GenerationConfig {
  // How long.
  std::optional<std::int64_t> max_new_tokens = {};
  std::optional<std::int64_t> max_length = {};
  std::optional<std::int64_t> min_new_tokens = {};
  std::optional<std::int64_t> min_length = {};
  std::optional<double> max_time = {};  // seconds
  std::optional<std::vector<std::string>> stop_strings = {};
  std::optional<std::vector<TokenId>> stop_token_ids = {};
  std::optional<bool> ignore_eos = {};
  std::optional<std::vector<TokenId>> eos_token_id = {};
  std::optional<TokenId> pad_token_id = {};
  std::optional<TokenId> bos_token_id = {};
  std::optional<TokenId> decoder_start_token_id = {};  // of encoder-decoder models
  // How tokens are chosen.
  std::optional<std::string> profile = {};  // whose rules and defaults: hf, hf4, llamacpp, vllm, ct2, fllm
  std::optional<std::vector<std::string>> samplers = {};  // in this order, and no others
  std::optional<bool> do_sample = {};
  std::optional<double> temperature = {};
  std::optional<std::int64_t> top_k = {};
  std::optional<double> top_p = {};
  std::optional<double> min_p = {};
  std::optional<double> typical_p = {};
  std::optional<double> epsilon_cutoff = {};
  std::optional<double> eta_cutoff = {};
  std::optional<double> top_h = {};
  std::optional<double> top_n_sigma = {};
  std::optional<double> xtc_probability = {};
  std::optional<double> xtc_threshold = {};
  std::optional<double> dynatemp_range = {};
  std::optional<double> dynatemp_exponent = {};
  std::optional<std::int64_t> mirostat = {};  // 0, 1 or 2
  std::optional<double> mirostat_tau = {};    // bits
  std::optional<double> mirostat_eta = {};
  std::optional<double> repetition_penalty = {};
  std::optional<double> encoder_repetition_penalty = {};
  std::optional<double> frequency_penalty = {};
  std::optional<double> presence_penalty = {};
  std::optional<std::int64_t> repeat_last_n = {};  // tokens that those three penalties look at
  std::optional<std::vector<TokenId>> penalty_exempt_tokens = {};
  std::optional<double> dry_multiplier = {};
  std::optional<double> dry_base = {};
  std::optional<std::int64_t> dry_allowed_length = {};  // tokens
  std::optional<std::int64_t> dry_penalty_last_n = {};  // tokens
  std::optional<std::vector<std::string>> dry_sequence_breakers = {};
  std::optional<std::int64_t> no_repeat_ngram_size = {};
  std::optional<std::int64_t> encoder_no_repeat_ngram_size = {};
  std::optional<std::vector<std::vector<TokenId>>> bad_words_ids = {};
  std::optional<std::vector<std::string>> banned_strings = {};
  std::optional<std::vector<std::vector<TextOrIds>>> must_include = {};  // of each one alternative
  std::optional<std::string> prefix = {};                                // what the continuation begins with
  std::optional<std::vector<TextOrIds>> allowed_tokens = {};
  std::optional<std::vector<Segment>> segments = {};  // the continuation's form
  std::optional<std::vector<SequenceBias>> sequence_bias = {};
  std::optional<std::vector<LogitBias>> logit_bias = {};
  std::optional<bool> token_healing = {};
  std::optional<std::vector<TokenId>> suppress_tokens = {};
  std::optional<std::vector<TokenId>> begin_suppress_tokens = {};
  std::optional<TokenId> forced_bos_token_id = {};
  std::optional<std::vector<TokenId>> forced_eos_token_id = {};
  std::optional<LengthDecay> exponential_decay_length_penalty = {};
  std::optional<bool> remove_invalid_values = {};
  std::optional<bool> renormalize_logits = {};
  std::optional<WatermarkingConfig> watermarking_config = {};
  std::optional<std::uint64_t> seed = {};
  // Other strategies.
  std::optional<double> penalty_alpha = {};
  std::optional<DolaLayers> dola_layers = {};
  // Guidance.
  std::optional<double> guidance_scale = {};
  std::optional<std::string> negative_prompt = {};
  std::optional<std::vector<TokenId>> negative_prompt_ids = {};
  std::optional<std::string> guide_attribute = {};  // "cheerful", or several: "cheerful=2,formal"
  std::optional<double> guide_strength = {};
  std::optional<std::vector<Attribute>> attributes = {};  // of the caller's own
  std::optional<std::vector<ExpertTerm>> experts = {};
  std::optional<std::map<std::string, double>> control_vectors = {};  // strengths by name, see LoadOptions
  std::optional<LayerRange> control_layers = {};                      // where they act
  // Drafts: they change speed only.
  std::optional<std::int64_t> prompt_lookup_num_tokens = {};
  std::optional<std::int64_t> max_matching_ngram_size = {};
  std::optional<std::int64_t> assistant_early_exit = {};
  std::optional<std::int64_t> num_assistant_tokens = {};
  std::optional<DraftSchedule> num_assistant_tokens_schedule = {};
  std::optional<double> assistant_confidence_threshold = {};
  std::optional<double> assistant_ensemble_weight = {};  // needs `lossy`
  std::optional<bool> lossy = {};
  std::optional<std::int64_t> assistant_lookbehind = {};
  std::optional<std::int64_t> target_lookbehind = {};
  // Beams.
  std::optional<std::int64_t> num_beams = {};
  std::optional<double> length_penalty = {};
  std::optional<EarlyStopping> early_stopping = {};
  std::optional<LengthPenaltyForm> length_penalty_form = {};
  std::optional<double> patience = {};
  std::optional<std::int64_t> num_beam_groups = {};
  std::optional<double> diversity_penalty = {};
  std::optional<std::vector<ForcedWord>> force_words_ids = {};
  std::optional<std::vector<ForcedWord>> constraints = {};
  std::optional<std::vector<std::string>> force_words = {};
  // With which weights.
  std::optional<std::string> adapter = {};  // of LoadOptions::adapters, by folder name; empty: none
  std::optional<double> adapter_scale = {};
  // What comes back.
  std::optional<std::int64_t> num_return_sequences = {};
  std::optional<bool> include_stop = {};      // keep the stop text in the output
  std::optional<bool> stream_tentative = {};  // of beams, see StreamEvent::tentative
  std::optional<std::int64_t> logprobs = {};  // 0: of the chosen token; k: and of the k best
  std::optional<std::int64_t> processed_logprobs = {};
  std::optional<std::int64_t> prompt_logprobs = {};
  std::optional<bool> output_scores = {};
  std::optional<bool> output_logits = {};
  std::optional<bool> output_hidden_states = {};
  std::optional<bool> output_attentions = {};
  std::optional<bool> trace = {};
  // What requests share.
  std::optional<bool> prefix_cache = {};
  std::optional<std::string> cache_salt = {};

  // What transformers knows besides: how it computes. Accepted with a Notice, kept for files, without effect.
  std::map<std::string, std::string> passive = {};  // "use_cache" -> "true", JSON

  /// Sets an option by its name from text ("top_k", "40"). Throws OptionError naming the option, the value and the
  /// range; an unknown name suggests the nearest known one, and one of transformers that this version lacks is an
  /// UnsupportedError.
  SKALD_API void set(std::string_view name, std::string_view value);

  /// Reads a generation_config.json, its text, or the one in a folder. Fields of transformers that this version does
  /// not act on are refused where they would change the result; unknown ones are errors.
  SKALD_API static GenerationConfig load(const std::string& path);
  SKALD_API static GenerationConfig from_json(std::string_view text, const std::string& file = "generation config");

  /// Fields that are set here, over those of `lower`.
  [[nodiscard]] SKALD_API GenerationConfig over(const GenerationConfig& lower) const;

  /// The fields that are set, as JSON that transformers loads and means the same by.
  [[nodiscard]] SKALD_API std::string to_json() const;
  /// Writes them, indented, to `path` where that ends in .json, else to generation_config.json in the folder `path`,
  /// which is made where it is missing. The file is whole or not there. Throws PathError.
  SKALD_API void save(const std::string& path) const;
};

/// One row of the option table.
struct OptionInfo {
  std::string_view name;        // "top_p": transformers' name, JSON field, Python keyword
  std::string_view flag;        // "--top-p"
  std::string_view aliases;     // further flags, comma-separated: "--num-samples"
  std::string_view type;        // "integer", "number", "boolean", "text", "texts", "names", "choice", "ids", "json",
                                // "strengths"
  std::string_view range;       // "(0, 1]"
  std::string_view meaning;     // one sentence, with formula and source
  std::string_view group = {};  // heading of the reference page that it stands under: "How long"
};

/// Every option, in the order of the reference page.
SKALD_API std::span<const OptionInfo> generation_options();

/// Options of transformers that have no effect here: `meaning` says what holds instead.
SKALD_API std::span<const OptionInfo> passive_options();

/// The attributes that come with Skald.
SKALD_API std::span<const Attribute> attribute_library();

/// The defaults of a door, for what neither the request nor the model's file says.
enum class Door { generate_command, library, transformers, turbo, llm };
SKALD_API GenerationConfig door_defaults(Door door);

}  // namespace skald
