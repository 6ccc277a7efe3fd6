// A loaded model and what can be asked of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "skald/export.h"
#include "skald/generation_config.h"
#include "skald/hooks.h"
#include "skald/notice.h"
#include "skald/outputs.h"
#include "skald/score.h"
#include "skald/statistics.h"
#include "skald/tokenizer.h"

namespace skald {

/// Why a completion ended.
enum class FinishReason { length, stop, time, cancelled, error };
SKALD_API const char* to_string(FinishReason reason);

/// One continuation of one prompt.
struct Completion {
  std::int64_t prompt_index = 0;   // which prompt of the call
  std::int64_t index = 0;          // which of its num_return_sequences
  std::string text;                // continuation only
  std::vector<TokenId> token_ids;  // continuation only, with the eos that ended it
  FinishReason finish_reason = FinishReason::length;
  std::string stop_text;                   // the stop string that ended it, if one did
  std::string notice;                      // "stopped at the model's last position 1024"; empty mostly
  std::vector<Notice> notices;             // on options of the call that have no effect, or another one
  std::uint64_t seed = 0;                  // the seed that was used
  std::optional<double> score;             // beams
  std::vector<std::int32_t> beam_indices;  // beams: of each token, which beam of the step before it came from
  std::vector<TokenLogprob> logprobs;      // where asked for: before any option changed them
  /// With token_healing: the prompt's tokens as they were used. `text` begins with what they say beyond the prompt.
  std::vector<TokenId> healed_prompt = {};
  std::int64_t prompt_tokens = 0;
  std::int64_t model_passes = 0;     // of the model that were needed for token_ids, the prompt's last one included
  std::int64_t drafted_tokens = 0;   // proposed by a draft
  std::int64_t accepted_tokens = 0;  // of those, how many the model chose too
  std::string stopped_by = {};       // the option that ended it: "eos_token_id", "stop_strings", "max_new_tokens", ...
  std::optional<TokenId> stop_token = {};                // the token that ended it, if one did: the last of token_ids
  Timings timings = {};                                  // they are all that differs where a call is repeated
  std::vector<TokenLogprob> processed_logprobs = {};     // where asked for: after all processors, what was drawn from
  std::vector<TokenLogprob> prompt_logprobs = {};        // where asked for: of the prompt's tokens but the first
  std::vector<TokenTrace> trace = {};                    // where asked for
  std::shared_ptr<const StepOutputs> step_outputs = {};  // where asked for; else null
};

/// Log-probability of every token of `completion` under its scores: 0 steps where there are none. Needs output_scores
/// (throws UsageError without). As transformers' compute_transition_scores: `normalize` makes distributions of the
/// scores first; without it they are taken as they are.
[[nodiscard]] SKALD_API std::vector<float> transition_scores(const Completion& completion, bool normalize = false);

/// A prompt: text (encoded with the tokenizer's special tokens) or token ids (taken as they are). Of an encoder-decoder
/// model it is the encoder's input; completions hold the decoder's tokens, without the one that it begins with.
using Prompt = std::variant<std::string, std::vector<TokenId>>;

/// A text to score. Without `given` its first token stands before the others and is not scored itself. Text that is
/// given is encoded with the tokenizer's special tokens, the text after it without. Of an encoder-decoder model `given`
/// is the encoder's input.
struct ScoreInput {
  Prompt text;
  std::optional<Prompt> given = {};
};

/// What a streaming caller receives: text that is final, in order, never half a UTF-8 character.
struct StreamEvent {
  std::int64_t prompt_index = 0;
  std::int64_t index = 0;
  std::string text = {};                 // may be empty in the last event
  std::vector<TokenId> token_ids = {};   // tokens since the event before
  const Completion* finished = nullptr;  // set in the last event of a completion
  std::string tentative = {};            // beams, where asked for: how the best one goes on now; it may still change
};
using StreamCallback = std::function<void(const StreamEvent&)>;

struct ModelAccess;

/// One call under way. Dropping it cancels it.
class SKALD_API Generation {
 public:
  Generation(Generation&&) noexcept;
  Generation& operator=(Generation&&) noexcept;
  ~Generation();

  /// Waits until all completions are there: prompts in order, of each the completions by index. Rethrows what went
  /// wrong, the callback's own exceptions included.
  std::vector<Completion> wait();
  /// As wait() for at most `time`; false where it is still running.
  bool wait_for(std::chrono::milliseconds time);
  /// On options of the call that have no effect, or another one than elsewhere. Its completions have them too.
  [[nodiscard]] const std::vector<Notice>& notices() const;
  /// Ends the call soon; completions get finish_reason "cancelled" and keep what they have.
  void cancel();

 private:
  friend struct ModelAccess;
  struct Impl;
  explicit Generation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// How a model is loaded.
struct LoadOptions {
  int bits = 0;         // 32, 16, 8 or 4; 0: the stored type if it fits in 70 % of free memory, else the next smaller
  int kv_bits = 0;      // of a key or value: 32, 16, or 8 with one scale a token and head; 0: 32 or 16, as the weights
  int threads = 0;      // 0: all processors that this process may use
  bool strict = false;  // a tensor that the model does not read is an error, not a warning
  bool check_weights = false;
  std::vector<std::string> adapters = {};                   // LoRA adapters that requests may name, as find_model()
  std::string draft = {};                                   // folder of a smaller model that drafts for this one
  std::map<std::string, std::string> experts = {};          // folders of models that guidance may name, by name
  std::map<std::string, std::string> control_vectors = {};  // GGUF files that requests may name, by name
  std::int64_t prefill_chunk = 512;                         // rows of one step, as far as prompts can wait
  std::size_t kv_budget_bytes = 0;                          // 0: from free memory
  std::function<void(double fraction)> progress = {};
};

/// Paths or names of what one of LoadOptions::adapters sums: of "a=0.7,b=0.3" a and b. Throws OptionError for a scale
/// that is none.
SKALD_API std::vector<std::string> adapter_folders(const std::string& adapter);

/// What is known of a model without loading its weights.
struct ModelInfo {
  std::string path;
  std::string format;        // "safetensors", "GGUF"
  std::string architecture;  // model_type
  std::string dtype;         // of most weights: "BF16", "Q4_0"
  std::int64_t parameters = 0;
  std::int64_t tensors = 0;
  std::int64_t encoder_layers = 0;  // of an encoder-decoder
  std::int64_t layers = 0, hidden_size = 0;
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;  // 0: no attention
  std::int64_t context = 0;                            // tokens; 0: not limited
  std::int64_t vocab_size = 0;
  std::string tokenizer;  // "BPE, 4096 tokens"; empty: none
  bool chat_template = false;
  std::size_t weight_bytes = 0;  // memory for weights as they are stored
  std::size_t weight_bytes_32 = 0, weight_bytes_16 = 0, weight_bytes_8 = 0, weight_bytes_4 = 0;  // in so many bits
  std::size_t kv_bytes_per_token = 0;    // at the stored precision; 0: no attention
  std::size_t kv_bytes_per_token_8 = 0;  // with kv_bits = 8
  std::size_t state_bytes = 0;           // of a sequence of any length: recurrent layers; 0: none
};

/// A model in memory, shared by its copies. All calls are thread-safe.
class SKALD_API Model {
 public:
  /// Loads the model folder, or the GGUF file, at `path`. Throws Error.
  static Model load(const std::string& path, const LoadOptions& options = {});
  /// The folder of the model that ships with Skald. Throws PathError where it is not installed.
  static std::string shipped_path();
  /// Reads headers and configuration only.
  static ModelInfo inspect(const std::string& path);

  /// Runs prompts to the end: of each, `num_return_sequences` completions.
  [[nodiscard]] std::vector<Completion> generate(const Prompt& prompt, const GenerationConfig& config = {}) const;
  [[nodiscard]] std::vector<Completion> generate(const std::vector<Prompt>& prompts,
                                                 const GenerationConfig& config = {}) const;

  /// Log-probabilities of every token of the texts: bit for bit those that generation reports for the same tokens.
  [[nodiscard]] std::vector<TextScore> score(const std::vector<ScoreInput>& texts,
                                             const ScoreOptions& options = {}) const;

  /// Starts a call and returns at once. `stream` is called on the engine's thread, once a step and completion; so are
  /// `hooks`, code of the caller's own in the decoding loop.
  [[nodiscard]] Generation submit(std::vector<Prompt> prompts, const GenerationConfig& config,
                                  StreamCallback stream = {}, Door door = Door::library, Hooks hooks = {}) const;

  /// The model's own generation_config.json, with eos and friends from config.json where it has none.
  [[nodiscard]] const GenerationConfig& generation_config() const;
  /// Throws UnsupportedError where the model has no tokenizer.
  [[nodiscard]] const Tokenizer& tokenizer() const;
  [[nodiscard]] bool has_tokenizer() const;
  [[nodiscard]] const ModelInfo& info() const;
  [[nodiscard]] int threads() const;
  /// Of all calls so far.
  [[nodiscard]] Statistics statistics() const;
  /// Bytes of weights read a step by one forward pass: for bandwidth figures.
  [[nodiscard]] std::size_t weight_bytes() const;

 private:
  friend class Generation;
  friend struct ModelAccess;  // the library's own way to what is inside
  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace skald
