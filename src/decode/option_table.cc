// The rows of the option table.
#include "decode/options.h"

namespace skald::decode {
namespace {

using G = GenerationConfig;

constexpr double kLongest = 1 << 24;  // tokens
constexpr double kLargestId = (1 << 24) - 1;
constexpr double kInt32Max = 2147483647;
constexpr double kInt53 = 9007199254740991;  // what every JSON reader keeps exact

// {name, flag, aliases, type, range, meaning}, member, bounds
const Option kOptions[] = {
    {{"max_new_tokens", "--max-new-tokens", "--max-tokens", "integer", "[1, 16777216]",
      "Tokens to generate at most. Goes before max_length."},
     &G::max_new_tokens,
     1,
     kLongest},
    {{"max_length", "--max-length", "", "integer", "[1, 16777216]",
      "Tokens of prompt and continuation together, at most."},
     &G::max_length,
     1,
     kLongest},
    {{"min_new_tokens", "--min-new-tokens", "--min-tokens", "integer", "[0, 16777216]",
      "No end-of-sequence token before that many tokens are generated. Goes before min_length."},
     &G::min_new_tokens,
     0,
     kLongest},
    {{"min_length", "--min-length", "", "integer", "[0, 16777216]",
      "No end-of-sequence token before prompt and continuation together have that many tokens."},
     &G::min_length,
     0,
     kLongest},
    {{"max_time", "--max-time", "", "number", "(0, 1000000000]",
      "Seconds after which generation stops; the token under way is finished."},
     &G::max_time,
     0,
     1e9,
     true},
    {{"stop_strings", "--stop-strings", "--stop", "texts", "at most 64 of 1 to 1024 bytes",
      "Generation stops where one of these texts appears in the continuation; as a flag, once for each text."},
     &G::stop_strings,
     0,
     0},
    {{"eos_token_id", "--eos-token-id", "", "ids", "[0, 16777215]",
      "Token or tokens that end a continuation. Default: the model's."},
     &G::eos_token_id,
     0,
     kLargestId},
    {{"pad_token_id", "--pad-token-id", "", "integer", "[-1, 16777215]",
      "Token that fills finished rows in array results; it never changes what is generated."},
     &G::pad_token_id,
     -1,
     kLargestId},
    {{"bos_token_id", "--bos-token-id", "", "integer", "[-1, 16777215]",
      "Token that an empty prompt is replaced with; -1: none. Default: the model's."},
     &G::bos_token_id,
     -1,
     kLargestId},
    {{"decoder_start_token_id", "--decoder-start-token-id", "", "integer", "[0, 16777215]",
      "Token that the decoder of an encoder-decoder model begins with. Default: the model's, or its BOS token."},
     &G::decoder_start_token_id,
     0,
     kLargestId},
    {{"do_sample", "--do-sample", "--sample", "boolean", "true or false",
      "Draw each token from the distribution (true) or take the most probable one (false)."},
     &G::do_sample,
     0,
     1},
    {{"temperature", "--temperature", "", "number", "[0, 1000000]",
      "Divides the logits: below 1 sharpens the distribution, above 1 flattens it; 0 is greedy decoding."},
     &G::temperature,
     0,
     1e6},
    {{"top_k", "--top-k", "", "integer", "[-1, 2147483647]",
      "Draw among the k most probable tokens and those that tie with the k-th; 0 or -1: all. Fan et al. 2018, "
      "https://arxiv.org/abs/1805.04833"},
     &G::top_k,
     -1,
     kInt32Max},
    {{"top_p", "--top-p", "", "number", "(0, 1]",
      "Draw among the smallest set of most probable tokens that together have probability p. Holtzman et al. 2019, "
      "https://arxiv.org/abs/1904.09751"},
     &G::top_p,
     0,
     1,
     true},
    {{"min_p", "--min-p", "", "number", "[0, 1]",
      "Draw among the tokens with p_i >= min_p * max_j p_j. Nguyen et al. 2024, https://arxiv.org/abs/2407.01082"},
     &G::min_p,
     0,
     1},
    {{"typical_p", "--typical-p", "", "number", "(0, 1]",
      "Draw among the tokens whose surprise is nearest to the entropy, until they hold probability p. Meister et al. "
      "2022, https://arxiv.org/abs/2202.00666"},
     &G::typical_p,
     0,
     1,
     true},
    {{"epsilon_cutoff", "--epsilon-cutoff", "", "number", "[0, 1]",
      "Draw among the tokens with a probability of at least epsilon; 0: all. Hewitt et al. 2022, "
      "https://arxiv.org/abs/2210.15191"},
     &G::epsilon_cutoff,
     0,
     1},
    {{"eta_cutoff", "--eta-cutoff", "", "number", "[0, 1]",
      "Draw among the tokens with a probability of at least min(eta, sqrt(eta) * exp(-entropy)); 0: all. Hewitt et al. "
      "2022, https://arxiv.org/abs/2210.15191"},
     &G::eta_cutoff,
     0,
     1},
    {{"top_h", "--top-h", "", "number", "(0, 1]",
      "Draw among the best tokens until they hold the share h of the entropy of the best 100. Baghaei Potraghloo et "
      "al. "
      "2025, https://arxiv.org/abs/2509.02510"},
     &G::top_h,
     0,
     1,
     true},
    {{"repetition_penalty", "--repetition-penalty", "", "number", "(0, 1000]",
      "r > 1 makes tokens of prompt and continuation less likely: their logit l becomes l / r, or l * r where "
      "negative. "
      "Keskar et al. 2019, https://arxiv.org/abs/1909.05858"},
     &G::repetition_penalty,
     0,
     1000,
     true},
    {{"encoder_repetition_penalty", "--encoder-repetition-penalty", "--hallucination-penalty", "number", "(0, 1000]",
      "r > 1 makes tokens of the encoder's input (of the prompt, where there is no encoder) more likely: their logit l "
      "becomes l * r, or l / r where negative."},
     &G::encoder_repetition_penalty,
     0,
     1000,
     true},
    {{"frequency_penalty", "--frequency-penalty", "", "number", "[-100, 100]",
      "Taken from the logit of a token once for each time that it was generated."},
     &G::frequency_penalty,
     -100,
     100},
    {{"presence_penalty", "--presence-penalty", "", "number", "[-100, 100]",
      "Taken from the logit of every token that was generated."},
     &G::presence_penalty,
     -100,
     100},
    {{"no_repeat_ngram_size", "--no-repeat-ngram-size", "", "integer", "[0, 65536]",
      "No n tokens in a row occur twice in prompt and continuation; 0: off. Paulus et al. 2017, "
      "https://arxiv.org/abs/1705.04304"},
     &G::no_repeat_ngram_size,
     0,
     65536},
    {{"encoder_no_repeat_ngram_size", "--encoder-no-repeat-ngram-size", "", "integer", "[0, 65536]",
      "No n tokens in a row of the encoder's input (of the prompt, where there is no encoder) occur; 0: off."},
     &G::encoder_no_repeat_ngram_size,
     0,
     65536},
    {{"bad_words_ids", "--bad-words-ids", "", "json", "[[ids], ...]", "Sequences of tokens that are never completed."},
     &G::bad_words_ids,
     0,
     kLargestId},
    {{"sequence_bias", "--sequence-bias", "", "json", "[[[ids], bias], ...]",
      "Numbers added to the logit of a sequence's last token where the others come right before it."},
     &G::sequence_bias,
     0,
     kLargestId},
    {{"logit_bias", "--logit-bias", "", "json", "{\"id\": bias, ...}", "Numbers added to the logits of tokens."},
     &G::logit_bias,
     0,
     kLargestId},
    {{"suppress_tokens", "--suppress-tokens", "", "ids", "[0, 16777215]", "Tokens that are never generated."},
     &G::suppress_tokens,
     0,
     kLargestId},
    {{"begin_suppress_tokens", "--begin-suppress-tokens", "", "ids", "[0, 16777215]",
      "Tokens that are not generated first."},
     &G::begin_suppress_tokens,
     0,
     kLargestId},
    {{"forced_bos_token_id", "--forced-bos-token-id", "", "integer", "[0, 16777215]",
      "Token that is generated first, after a prompt of one token: of encoder-decoder models, the language to "
      "translate "
      "into."},
     &G::forced_bos_token_id,
     0,
     kLargestId},
    {{"forced_eos_token_id", "--forced-eos-token-id", "", "ids", "[0, 16777215]",
      "Token or tokens of which one is generated last, where the greatest length is reached."},
     &G::forced_eos_token_id,
     0,
     kLargestId},
    {{"exponential_decay_length_penalty", "--exponential-decay-length-penalty", "", "json", "[start, factor]",
      "Once more than `start` tokens are generated, the logit l of end-of-sequence tokens grows by |l| * "
      "(factor^(tokens beyond start) - 1)."},
     &G::exponential_decay_length_penalty,
     0,
     kLongest},
    {{"remove_invalid_values", "--remove-invalid-values", "", "boolean", "true or false",
      "Replace NaN and infinite logits by finite ones instead of ending with an error."},
     &G::remove_invalid_values,
     0,
     1},
    {{"seed", "--seed", "", "integer", "[0, 9007199254740991]",
      "Equal seeds give equal texts, whatever else runs. Unset: a fresh one for each request, which is reported."},
     &G::seed,
     0,
     kInt53},
    {{"penalty_alpha", "--penalty-alpha", "", "number", "[0, 1]",
      "Contrastive search: of the top_k tokens, the one that maximises (1 - alpha) p - alpha (likeness to what came "
      "before); 0: off. Su et al. 2022, https://arxiv.org/abs/2202.06417"},
     &G::penalty_alpha,
     0,
     1},
    {{"dola_layers", "--dola-layers", "", "choice", "low, high or a list of layers",
      "DoLa: the last layer's logits against those of the earlier layer that differs most. Chuang et al. 2023, "
      "https://arxiv.org/abs/2309.03883"},
     &G::dola_layers,
     0,
     4095},
    {{"prompt_lookup_num_tokens", "--prompt-lookup-num-tokens", "--prompt-lookup", "integer", "[0, 256]",
      "Draft so many tokens at most from where the last ones occurred before, and keep those that the model chooses "
      "too: "
      "the same text, sooner; 0: off. Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding"},
     &G::prompt_lookup_num_tokens,
     0,
     256},
    {{"max_matching_ngram_size", "--max-matching-ngram-size", "", "integer", "[1, 64]",
      "Prompt lookup: the last n tokens are looked for, then fewer. Default 2."},
     &G::max_matching_ngram_size,
     1,
     64},
    {{"num_assistant_tokens", "--num-assistant-tokens", "--draft-tokens", "integer", "[0, 256]",
      "Tokens that a draft model proposes at most in one go; 0: off. Default 20. Leviathan et al. 2022, "
      "https://arxiv.org/abs/2211.17192"},
     &G::num_assistant_tokens,
     0,
     256},
    {{"num_assistant_tokens_schedule", "--num-assistant-tokens-schedule", "", "choice",
      "constant, heuristic, heuristic_transient or adaptive",
      "How long the next draft is: always the same; two more after one that was kept whole, else one less (the two "
      "heuristics are the same here: nothing outlives a request); or by how much of the last one was kept (adaptive, "
      "the "
      "default)."},
     &G::num_assistant_tokens_schedule,
     0,
     0},
    {{"assistant_confidence_threshold", "--assistant-confidence-threshold", "", "number", "[0, 1]",
      "A draft model's draft ends with a token that it finds less probable than this; 0: never. Default 0.4."},
     &G::assistant_confidence_threshold,
     0,
     1},
    {{"num_beams", "--num-beams", "--beam-size,--beam-width,--beams", "integer", "[1, 128]",
      "Beam search: the n most probable continuations go on together; 1: off. With do_sample they are drawn. Freitag "
      "and "
      "Al-Onaizan 2017, https://arxiv.org/abs/1702.01806"},
     &G::num_beams,
     1,
     128},
    {{"length_penalty", "--length-penalty", "", "number", "[-100, 100]",
      "Beams: a finished one is scored by its log-probability / length^penalty; above 0 favours long ones. Default 1."},
     &G::length_penalty,
     -100,
     100},
    {{"early_stopping", "--early-stopping", "", "choice", "true, false or never",
      "Beams: stop once num_beams have finished (true), when the running ones look worse (false, the default), or when "
      "they cannot become better at any length (never)."},
     &G::early_stopping,
     0,
     0},
    {{"adapter", "--adapter", "", "text", "the name of a loaded adapter, or empty",
      "Low-rank adapter (LoRA) that the request runs with: the name of its folder. Hu et al. 2021, "
      "https://arxiv.org/abs/2106.09685"},
     &G::adapter,
     0,
     0},
    {{"adapter_scale", "--adapter-scale", "", "number", "[-100, 100]",
      "Multiplies the adapter's own scale; 0 switches it off. Default 1."},
     &G::adapter_scale,
     -100,
     100},
    {{"num_return_sequences", "--num-return-sequences", "--num-samples,--n", "integer", "[1, 128]",
      "Continuations of each prompt; they share its computation. With beams: the best so many of them."},
     &G::num_return_sequences,
     1,
     128},
    {{"include_stop", "--include-stop", "", "boolean", "true or false", "Keep the stop string in the text."},
     &G::include_stop,
     0,
     1},
    {{"logprobs", "--logprobs", "", "integer", "[0, 20]",
      "Report the log-probability that the model gave to each chosen token (before any option changed it), and to the "
      "k most probable ones."},
     &G::logprobs,
     0,
     20},
};

}  // namespace

std::span<const Option> option_table() { return kOptions; }

}  // namespace skald::decode

namespace skald {

std::span<const OptionInfo> generation_options() {
  static const std::vector<OptionInfo> rows = [] {
    std::vector<OptionInfo> infos;
    for (const auto& option : decode::option_table()) infos.push_back(option.info);
    return infos;
  }();
  return rows;
}

GenerationConfig door_defaults(Door door) {
  switch (door) {
    case Door::generate_command: return {.max_new_tokens = 100, .do_sample = true};
    case Door::library: return {.max_new_tokens = 200, .do_sample = true};
    case Door::transformers: return {.max_new_tokens = 20, .do_sample = false, .top_k = 50, .include_stop = true};
  }
  return {};
}

}  // namespace skald
