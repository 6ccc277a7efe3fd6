#include "engine/prepare.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "decode/constraints/constraints.h"
#include "decode/dola.h"
#include "decode/group_logits.h"
#include "decode/strategies/beam_search.h"
#include "decode/strategies/constrained_beam_search.h"
#include "decode/strategies/contrastive.h"
#include "decode/strategies/group_beam_search.h"
#include "decode/strategies/sampling.h"
#include "decode/strategies/segments.h"
#include "decode/text_options.h"
#include "decode/torch_draws.h"
#include "engine/adapters.h"
#include "engine/forced_words.h"
#include "engine/guidance.h"
#include "engine/kept_outputs.h"
#include "engine/option_checks.h"
#include "engine/text_ids.h"
#include "engine/token_checks.h"
#include "skald/error.h"

namespace skald::engine {
namespace {

std::string prompt_name(std::int64_t index) { return "prompt " + std::to_string(index); }

// A stop string that is one special token never shows in the text: the token itself stops.
std::vector<TokenId> special_stops(const GenerationConfig& config, const text::Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  for (const std::string& text : *config.stop_strings) {
    const auto id = tokenizer.token_to_id(text);
    if (id && tokenizer.is_special(*id)) ids.push_back(*id);
  }
  return ids;
}

// Sequences of a request at its widest moment.
std::int64_t widest(const GenerationConfig& config) {
  if (is_contrastive(config)) return config.top_k.value_or(1) + 1;
  return std::max(config.num_beams.value_or(1), config.num_return_sequences.value_or(1));
}

std::unique_ptr<decode::DecodingStrategy> make_strategy(decode::SamplingRequest request, decode::LanguageModel& model) {
  if (request.config.segments) return std::make_unique<decode::Segments>(std::move(request), model);
  if (!request.forced_words.empty()) {
    return std::make_unique<decode::ConstrainedBeamSearch>(std::move(request), model);
  }
  if (request.config.num_beam_groups.value_or(1) > 1) {
    return std::make_unique<decode::GroupBeamSearch>(std::move(request), model);
  }
  if (request.config.num_beams.value_or(1) > 1) return std::make_unique<decode::BeamSearch>(std::move(request), model);
  if (is_contrastive(request.config)) return std::make_unique<decode::Contrastive>(std::move(request), model);
  return std::make_unique<decode::Sampling>(std::move(request), model);
}

// The token that the decoder of an encoder-decoder begins with.
TokenId find_decoder_start(const GenerationConfig& config, std::int64_t vocab_size) {
  const TokenId start = config.decoder_start_token_id.value_or(config.bos_token_id.value_or(-1));
  if (start < 0) {
    throw OptionError({.field = "decoder_start_token_id",
                       .value = {},
                       .rule = "must be given: the model's files name neither it nor a BOS token"});
  }
  check_ids("decoder_start_token_id", {{start}}, vocab_size);
  return start;
}

}  // namespace

std::vector<models::LoraPart> adapter_parts(const std::string& adapter) {
  std::error_code ignored;
  if (std::filesystem::exists(adapter, ignored)) return {{adapter, 1}};  // a path may hold '=' and ','
  std::vector<models::LoraPart> parts;
  for (std::size_t begin = 0; begin <= adapter.size();) {
    const std::size_t end = std::min(adapter.find(',', begin), adapter.size());
    parts.push_back({adapter.substr(begin, end - begin), 1});
    begin = end + 1;
    const std::size_t equals = parts.back().folder.rfind('=');
    if (equals == std::string::npos) continue;
    const std::string text = parts.back().folder.substr(equals + 1);
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), parts.back().scale);
    const bool is_scale =
        error == std::errc() && stop == text.data() + text.size() && std::abs(parts.back().scale) <= 100;
    if (!is_scale) {
      throw OptionError({.field = "adapter",
                         .value = quoted(adapter),
                         .rule = "the scale after '=' must be a number in [-100, 100]"});
    }
    parts.back().folder.resize(equals);
  }
  return parts;
}

std::string adapter_name(const std::string& adapter) {
  std::string name;
  for (const models::LoraPart& part : adapter_parts(adapter)) {
    const std::filesystem::path path = std::filesystem::path(part.folder).lexically_normal();
    const std::string last = path.has_filename() ? path.filename() : path.parent_path().filename();
    name += (name.empty() ? "" : "+") + last;
  }
  return name;
}

std::int32_t find_adapter(const std::string& name, const Names& adapters) {
  if (name.empty()) return 0;
  if (const auto found = adapters.find(adapter_name(name)); found != adapters.end()) return found->second;
  std::string known;
  for (const auto& [other, number] : adapters) known += (known.empty() ? "" : ", ") + other;
  throw OptionError({.field = "adapter",
                     .value = quoted(name),
                     .rule = known.empty() ? "no adapter is loaded: name its folder when the model is loaded (--lora)"
                                           : "is not loaded; loaded are " + known});
}

CallSetup::CallSetup(const decode::ResolvedConfig& resolved, const ModelSet& models, Engine& engine)
    : resolved_(resolved), models_(models), engine_(engine) {
  const models::ModelShape& shape = models.shape;
  const GenerationConfig& config = resolved_.config;
  stops_.eos = config.eos_token_id.value_or(std::vector<TokenId>{});
  stops_.stop_tokens = config.stop_token_ids.value_or(std::vector<TokenId>{});
  stops_.include_stop = config.include_stop.value_or(false);
  if (config.logit_bias) resolved_.config.logit_bias = decode::token_biases(*config.logit_bias, models.tokenizer);
  dry_breakers_ = decode::dry_breakers(config, models.tokenizer);
  check_options(config, models);
  if (shape.encodes) decoder_start_ = find_decoder_start(config, shape.vocab_size);
  conditions_ = std::make_shared<const Conditions>(
      Conditions{.adapter = find_adapter(config.adapter.value_or(""), models.adapters),
                 .adapter_scale = static_cast<float>(config.adapter_scale.value_or(1)),
                 .controls = make_controls(config, models.controls, shape.n_layers),
                 .shares = config.prefix_cache.value_or(true),
                 .salt = config.cache_salt.value_or("")});
  forced_words_ = forced_words(config, models.tokenizer, shape.vocab_size);
  if (config.max_time) {
    stops_.deadline =
        std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                               std::chrono::duration<double>(*config.max_time));
  }
  if (config.stop_strings && !config.stop_strings->empty()) read_stop_strings();
  constraints_ = decode::Constraints::make({.config = config,
                                            .stops = stops_,
                                            .tokenizer = models.tokenizer,
                                            .vocab_size = static_cast<std::size_t>(shape.vocab_size)});
}

void CallSetup::read_stop_strings() {
  if (models_.tokenizer == nullptr) {
    throw OptionError(
        ErrorFields{.field = "stop_strings", .rule = "need a tokenizer, and this model's folder has none"});
  }
  stops_.strings = std::make_shared<decode::StopStrings>(*resolved_.config.stop_strings);
  const std::vector<TokenId> special = special_stops(resolved_.config, *models_.tokenizer);
  stops_.stop_tokens.insert(stops_.stop_tokens.end(), special.begin(), special.end());
}

void CallSetup::set_hooks(Hooks hooks) {
  torch_random_ = std::move(hooks.torch_random);
  if (hooks.logits_processors.empty() && hooks.group_logits_processors.empty() && hooks.stopping_criteria.empty() &&
      !hooks.prefix_allowed_tokens_fn) {
    return;
  }
  if (!hooks.group_logits_processors.empty()) check_group_hooks(resolved_.config);
  hooks_ = std::make_shared<const Hooks>(engine_.guarded(std::move(hooks)));
}

std::vector<TokenId> CallSetup::prompt_ids(const Prompt& prompt, std::int64_t prompt_index) const {
  const auto ids_of = [&](const Prompt& text) {
    return text_ids(text, models_.tokenizer, models_.shape.vocab_size, prompt_name(prompt_index));
  };
  std::vector<TokenId> ids = ids_of(prompt);
  if (!ids.empty()) return ids;
  const TokenId bos = resolved_.config.bos_token_id.value_or(-1);
  if (bos < 0)
    throw OptionError({.field = prompt_name(prompt_index), .rule = "is empty, and the model has no BOS token"});
  return ids_of(std::vector<TokenId>{bos});
}

void CallSetup::check_length(const decode::SamplingRequest& request) const {
  const auto check = [&](const std::vector<TokenId>& ids, std::int64_t positions, const char* whose) {
    if (positions == 0 || std::ssize(ids) <= positions) return;
    throw LimitError(
        {.field = prompt_name(request.prompt_index),
         .value = std::to_string(ids.size()) + " tokens",
         .rule = std::string("is longer than the ") + whose + " " + std::to_string(positions) + " positions"});
  };
  check(request.encoder_input, models_.shape.encoder_positions, "encoder's");
  check(request.prompt, models_.shape.hard_limit ? models_.shape.max_positions : 0, "model's");
}

void CallSetup::limit_length(decode::SamplingRequest& request) const {
  const GenerationConfig& config = resolved_.config;
  decode::StopRules& stops = request.stops;
  const std::int64_t prompt_length = std::ssize(request.prompt);
  if (config.max_new_tokens) {
    stops.max_new_tokens = *config.max_new_tokens;
  } else {
    const std::int64_t visible = std::ssize(request.visible());
    stops.max_new_tokens = *config.max_length - visible;
    if (stops.max_new_tokens <= 0) {
      throw OptionError({.field = "max_length",
                         .value = std::to_string(*config.max_length),
                         .rule = "must be above the length of the prompt, " + std::to_string(visible)});
    }
  }
  const auto cut = [&](std::int64_t n, std::string notice) {
    if (stops.max_new_tokens <= n) return;
    stops.max_new_tokens = n;
    stops.max_new_notice = std::move(notice);
  };
  if (config.segments && !resolved_.length_asked) {
    stops.max_new_tokens = decode::longest_form(*config.segments, *models_.tokenizer);
  }
  if (models_.shape.hard_limit) {
    const std::int64_t room = models_.shape.max_positions - prompt_length + (models_.shape.last_row_predicts ? 1 : 0);
    if (room == 0) {
      throw LimitError({.field = prompt_name(request.prompt_index),
                        .value = std::to_string(prompt_length) + " tokens",
                        .rule = "leaves no room for a token: the model's texts have at most " +
                                std::to_string(models_.shape.max_positions)});
    }
    cut(room, "stopped at the model's last position, " + std::to_string(models_.shape.max_positions));
  }
  if (request.guidance) {
    for (const decode::Guidance::Branch& branch : request.guidance->branches) {
      const std::int64_t positions = engine_.language_model().position_limit(branch.model);
      if (positions == 0) continue;
      if (std::ssize(branch.prompt) > positions) {
        throw LimitError(
            {.field = prompt_name(request.prompt_index),
             .value = std::to_string(branch.prompt.size()) + " tokens",
             .rule = "with what guides it is longer than the model's " + std::to_string(positions) + " positions"});
      }
      cut(positions - std::ssize(branch.prompt) + 1, "stopped where the text that guides it reaches the last position");
    }
  }
  if (!resolved_.length_asked) {
    const std::int64_t encoder_length = std::ssize(request.encoder_input);
    const std::int64_t fits = engine_.longest_that_fits(prompt_length, widest(config), encoder_length);
    cut(std::max<std::int64_t>(1, fits - prompt_length), "stopped where the memory for keys and values ends");
  }
}

// In transformers' profiles the rows of a call have one layer for the contrast of DoLa.
bool CallSetup::votes() const {
  return resolved_.config.dola_layers && resolved_.config.profile.value_or("").starts_with("hf");
}

bool CallSetup::draws_as_torch() const {
  const GenerationConfig& config = resolved_.config;
  const std::string profile = config.profile.value_or("");
  return config.do_sample.value_or(false) && (profile == "hf" || profile == "hf4");
}

std::vector<Request> CallSetup::make_requests(const std::vector<Prompt>& prompts) const {
  std::vector<decode::SamplingRequest> requests;
  requests.reserve(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    requests.push_back(begin_request(prompts[i], static_cast<std::int64_t>(i)));
  }
  if (resolved_.config.profile.value_or("").starts_with("hf")) pad(requests);
  share(requests);
  std::vector<Request> made;
  made.reserve(requests.size());
  for (decode::SamplingRequest& request : requests) made.push_back(make_request(std::move(request)));
  return made;
}

// What the rows of a call have in common while they step together.
void CallSetup::share(std::vector<decode::SamplingRequest>& requests) const {
  if (looks_at_all()) {
    const auto group = std::make_shared<decode::GroupLogits>(hooks_->group_logits_processors,
                                                             static_cast<std::size_t>(models_.shape.vocab_size));
    for (decode::SamplingRequest& request : requests) request.group_logits = group;
  }
  if (votes()) {
    const auto vote = std::make_shared<decode::DolaVote>();
    for (decode::SamplingRequest& request : requests) request.dola_vote = vote;
  }
  if (draws_as_torch()) {
    const GenerationConfig& config = resolved_.config;
    const auto vocab = static_cast<std::size_t>(models_.shape.vocab_size);
    const auto beams = static_cast<std::size_t>(config.num_beams.value_or(1));
    const auto returned = static_cast<std::size_t>(config.num_return_sequences.value_or(1));
    const std::size_t n_rows = requests.size() * (beams > 1 ? 1 : returned);
    const auto random = torch_random_ ? torch_random_ : std::make_shared<TorchRandom>(requests[0].seed);
    const auto draws = std::make_shared<decode::TorchDraws>(random, n_rows, vocab * beams);
    for (decode::SamplingRequest& request : requests) {
      request.seed = requests[0].seed;
      request.torch_draws = draws;
    }
  }
}

// As a batch of the transformers face: prompts are filled up on the left to the length of the longest.
void CallSetup::pad(std::vector<decode::SamplingRequest>& requests) const {
  const GenerationConfig& config = resolved_.config;
  TokenId filler = config.pad_token_id.value_or(-1);
  if (filler < 0) filler = stops_.eos.empty() ? 0 : stops_.eos[0];
  std::size_t longest = 0;
  for (const auto& request : requests) longest = std::max(longest, request.prompt.size());
  for (auto& request : requests) {
    if (request.prompt.size() == longest) continue;
    request.visible_prompt.assign(longest - request.prompt.size(), filler);
    request.visible_prompt.insert(request.visible_prompt.end(), request.prompt.begin(), request.prompt.end());
  }
}

decode::SamplingRequest CallSetup::begin_request(const Prompt& prompt, std::int64_t prompt_index) const {
  decode::SamplingRequest request{.prompt = prompt_ids(prompt, prompt_index),
                                  .config = resolved_.config,
                                  .stops = stops_,
                                  .tokenizer = models_.tokenizer,
                                  .seed = resolved_.config.seed ? *resolved_.config.seed : random_seed(),
                                  .prompt_index = prompt_index,
                                  .vocab_size = static_cast<std::size_t>(models_.shape.vocab_size),
                                  .hooks = hooks_,
                                  .dry_breakers = dry_breakers_,
                                  .constraints = constraints_};
  request.notices = resolved_.notices;
  request.resume = resume_;
  if (!healed_.empty()) request.healed = healed_[static_cast<std::size_t>(prompt_index)];
  if (models_.shape.encodes) request.encoder_input = std::exchange(request.prompt, {decoder_start_});
  return request;
}

Request CallSetup::make_request(decode::SamplingRequest request) const {
  check_length(request);
  request.guidance = make_guidance(resolved_.config, models_, engine_.language_model(), request.prompt);
  limit_length(request);
  if (constraints_) constraints_->check_length(request.chain_setup());
  request.forced_words = forced_words_;
  check_fits(forced_words_, request.stops.max_new_tokens);
  check_outputs(request, models_.shape);
  warn_of_length(request);
  set_up_drafts(request);
  std::vector<SequenceNeed> needs = needs_of(request);
  std::vector<TokenId> encoder_input = request.encoder_input;
  auto strategy = make_strategy(std::move(request), engine_.language_model());
  return {.strategy = std::move(strategy),
          .needs = std::move(needs),
          .encoder_input = std::move(encoder_input),
          .conditions = conditions_};
}

void CallSetup::warn_of_length(decode::SamplingRequest& request) const {
  const std::int64_t trained = models_.shape.max_positions;
  const std::int64_t length = std::ssize(request.prompt);
  const std::int64_t longest = length + request.stops.max_new_tokens;
  if (models_.shape.hard_limit || trained == 0 || longest <= trained) return;
  if (!resolved_.length_asked && length <= trained) return;
  const GenerationConfig& config = request.config;
  Notice notice{config.max_length ? "max_length" : "max_new_tokens",
                std::to_string(config.max_length.value_or(request.stops.max_new_tokens)),
                "reaches up to " + std::to_string(longest) + " positions: the model was trained on " +
                    std::to_string(trained) + ", quality may suffer beyond"};
  log_notice(LogLevel::warning, to_string(notice));
  request.notices.push_back(std::move(notice));
}

// A prompt's own repetitions are looked up where that is asked for; else the draft model drafts, where one is loaded.
void CallSetup::set_up_drafts(decode::SamplingRequest& request) const {
  const GenerationConfig& config = request.config;
  // Torch's numbers are read once, in order; and where rows step together each has one position at a step.
  if (!one_by_one(config) || lockstep()) return;
  request.draft.lookup = config.prompt_lookup_num_tokens.value_or(0);
  if (request.draft.lookup > 0 || config.num_assistant_tokens.value_or(1) == 0) return;
  if (config.assistant_early_exit) {
    request.draft.model = 0;
    request.draft.exit_after = static_cast<std::int32_t>(*config.assistant_early_exit);
    return;
  }
  if (models_.draft < 0 || !draft_reads(request.encoder_input)) return;
  if (models_.draft_tokenizer != nullptr) {
    const std::string text = models_.tokenizer->decode(request.prompt, /*skip_special_tokens=*/true);
    request.draft.prompt = models_.draft_tokenizer->encode(text).ids;
    if (request.draft.prompt.empty()) return;  // nothing to begin with
    request.draft.tokenizer = models_.draft_tokenizer;
    // Other tokens may be shorter ones; where they do not fit any more, nothing is drafted.
    constexpr std::int64_t kRatio = 3;
    request.draft.longest = std::ssize(request.draft.prompt) + kRatio * request.stops.max_new_tokens;
    const std::int64_t positions = engine_.language_model().position_limit(models_.draft);
    if (positions > 0) request.draft.longest = std::min(request.draft.longest, positions);
  }
  request.draft.model = models_.draft;
}

// Whether the draft model's encoder takes what the model's does.
bool CallSetup::draft_reads(const std::vector<TokenId>& encoder_input) const {
  const std::int64_t positions = models_.draft_encoder_positions;
  if (positions > 0 && std::ssize(encoder_input) > positions) return false;
  const std::int64_t vocab_size = engine_.language_model().vocab_size(models_.draft);
  return std::ranges::all_of(encoder_input, [&](TokenId token) { return token < vocab_size; });
}

std::vector<SequenceNeed> CallSetup::needs_of(const decode::SamplingRequest& request) const {
  const std::int64_t n_new = request.stops.max_new_tokens;
  const decode::LanguageModel& model = engine_.language_model();
  const bool drafts = request.draft.drafts();
  const bool early = request.draft.exit_after > 0;
  std::vector<SequenceNeed> needs;
  const auto add = [&](decode::ModelIndex index, std::int64_t prompt_length, std::int64_t branches) {
    needs.push_back({.model = index,
                     .prompt_length = prompt_length,
                     .longest = prompt_length + n_new,
                     .branches = branches * (drafts && (early || !model.rewinds(index)) ? 2 : 1)});
  };
  const std::int64_t length = std::ssize(request.prompt);
  const std::int64_t branches = widest(request.config);
  add(0, length, branches);
  if (request.guidance) {
    for (const decode::Guidance::Branch& b : request.guidance->branches) add(b.model, std::ssize(b.prompt), branches);
  }
  // What is certain, and the draft that goes on from it.
  if (request.draft.model >= 0 && !early) {
    const bool foreign = request.draft.tokenizer != nullptr;
    const std::int64_t n_prompt = foreign ? std::ssize(request.draft.prompt) : length;
    needs.push_back({request.draft.model, n_prompt, foreign ? request.draft.longest : length + n_new, 2 * branches});
  }
  return needs;
}

}  // namespace skald::engine
