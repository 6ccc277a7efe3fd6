// The public face, include/skald/model.h.
#include "skald/model.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <utility>

#include "base/buffer.h"
#include "base/log.h"
#include "decode/options.h"
#include "decode/strategies/probing.h"
#include "engine/adapters.h"
#include "engine/engine.h"
#include "engine/folder.h"
#include "engine/inspect.h"
#include "engine/model_access.h"
#include "engine/prepare.h"
#include "engine/score.h"
#include "engine/text_ids.h"
#include "engine/token_healing.h"
#include "models/control_vector.h"
#include "models/lora.h"
#include "skald/error.h"
#include "skald/hub.h"
#include "text/access.h"

namespace skald {

using engine::Engine;
using engine::Group;

const char* to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::length: return "length";
    case FinishReason::stop: return "stop";
    case FinishReason::time: return "time";
    case FinishReason::cancelled: return "cancelled";
    case FinishReason::error: return "error";
  }
  return "error";
}

struct Model::Impl {
  ModelInfo info;
  GenerationConfig generation_config;
  std::optional<Tokenizer> tokenizer;
  std::shared_ptr<ThreadPool> threads;
  std::shared_ptr<const models::DecoderModel> model;
  engine::Names adapters, experts;
  engine::ControlLibrary controls;
  std::optional<Tokenizer> draft_tokenizer;                // where it is not the same
  std::shared_ptr<const models::DecoderModel> draft = {};  // null: none; else it is model 1
  std::unique_ptr<Engine> engine;

  [[nodiscard]] const text::Tokenizer* text_tokenizer() const {
    return tokenizer ? &TokenizerAccess::parts_of(*tokenizer) : nullptr;
  }
  [[nodiscard]] engine::ModelSet models() const {
    return {.shape = model->shape(),
            .tokenizer = text_tokenizer(),
            .adapters = adapters,
            .draft = draft ? 1 : -1,
            .draft_tokenizer = draft_tokenizer ? &TokenizerAccess::parts_of(*draft_tokenizer) : nullptr,
            .draft_encoder_positions = draft ? draft->shape().encoder_positions : 0,
            .experts = experts,
            .controls = controls};
  }
};

namespace {

constexpr std::size_t kMaxPrompts = engine::EngineOptions{}.max_waiting;

// Keys and values may take this share of the memory that is free once the weights are in.
constexpr double kStateShare = 0.7;

// Tokens that a draft or a step back may take back; recurrent layers keep a fork instead.
constexpr std::int64_t kLongestRewind = 272;

nn::StatePoolOptions state_options(const models::DecoderModel& model, const LoadOptions& options) {
  const auto free_share = static_cast<std::size_t>(kStateShare * static_cast<double>(available_memory()));
  const nn::StateLayout layout = model.state_layout();
  const bool rewinds = std::ranges::none_of(
      layout.groups, [](const nn::StateGroup& group) { return group.kind == nn::StateGroup::Kind::recurrent; });
  return {.kv_type = model.shape().kv_type,
          .budget_bytes = options.kv_budget_bytes > 0 ? options.kv_budget_bytes : free_share,
          .longest_draft = rewinds ? kLongestRewind : 0,
          .longest_chunk = options.prefill_chunk};
}

// The pools share the memory in proportion to what a position costs in each.
std::vector<engine::ModelSlot> make_slots(const std::vector<std::shared_ptr<const models::DecoderModel>>& models,
                                          const LoadOptions& options) {
  std::vector<double> costs;
  for (const auto& model : models) {
    const nn::StatePool pool(model->state_layout(), {.kv_type = model->shape().kv_type, .budget_bytes = 0});
    costs.push_back(static_cast<double>(std::max<std::size_t>(1, pool.bytes_per_position())));
  }
  const double all = std::accumulate(costs.begin(), costs.end(), 0.0);
  std::vector<engine::ModelSlot> slots;
  for (std::size_t m = 0; m < models.size(); ++m) {
    nn::StatePoolOptions state = state_options(*models[m], options);
    state.budget_bytes = static_cast<std::size_t>(static_cast<double>(state.budget_bytes) * (costs[m] / all));
    slots.push_back({.model = models[m], .state = std::make_unique<nn::StatePool>(models[m]->state_layout(), state)});
  }
  return slots;
}

// A model that works beside `main`: a draft or an expert. A draft of an encoder-decoder is one as well, since both read
// the prompt by an encoder.
std::shared_ptr<const models::DecoderModel> load_companion(const std::string& folder, const models::DecoderModel& main,
                                                           const LoadOptions& options, ThreadPool& threads,
                                                           bool drafts) {
  engine::require_model(folder);
  std::shared_ptr<const models::DecoderModel> model =
      models::load_model(folder, {.bits = options.bits, .kv_bits = options.kv_bits, .strict = options.strict}, threads);
  const bool encodes = model->shape().encodes;
  if (encodes == main.shape().encodes && (drafts || !encodes)) return model;
  throw UnsupportedError(
      {.file = folder,
       .rule = drafts ? "one of the model and its draft has an encoder, the other has none: both must be of one kind"
                      : "experts are for models without an encoder"});
}

bool same_tokens(const text::Tokenizer& a, const text::Tokenizer& b) {
  if (a.id_limit() != b.id_limit()) return false;
  for (TokenId id = 0; id < a.id_limit(); ++id) {
    if (a.id_to_token(id) != b.id_to_token(id)) return false;
  }
  return true;
}

// The tokenizer in `folder` where it has other tokens than `own`; a folder without one is taken to have the same.
std::optional<Tokenizer> other_tokenizer(const std::string& folder, const std::optional<Tokenizer>& own) {
  if (!own || !engine::has_tokenizer_file(folder)) return std::nullopt;
  Tokenizer tokenizer = Tokenizer::load(folder);
  if (same_tokens(TokenizerAccess::parts_of(tokenizer), TokenizerAccess::parts_of(*own))) return std::nullopt;
  return tokenizer;
}

void check_prompts(std::size_t n) {
  if (n >= 1 && n <= kMaxPrompts) return;
  throw OptionError(
      {.field = "prompts", .value = std::to_string(n), .rule = "one call takes 1 to " + std::to_string(kMaxPrompts)});
}

void check_load_options(const LoadOptions& options) {
  if (options.prefill_chunk >= 1 && options.prefill_chunk <= 65536) return;
  throw OptionError({.field = "prefill_chunk",
                     .value = std::to_string(options.prefill_chunk),
                     .rule = "must be an integer in [1, 65536]"});
}

}  // namespace

std::vector<std::string> adapter_folders(const std::string& adapter) {
  std::vector<std::string> folders;
  for (models::LoraPart& part : engine::adapter_parts(adapter)) folders.push_back(std::move(part.folder));
  return folders;
}

Model::Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Model Model::load(const std::string& path, const LoadOptions& options) {
  check_load_options(options);
  engine::require_model(path);
  auto impl = std::make_shared<Impl>();
  impl->generation_config = engine::read_model_generation_config(path);
  if (engine::has_tokenizer_file(path)) impl->tokenizer = Tokenizer::load(path);
  impl->info = engine::inspect_model(path, impl->tokenizer);
  if (impl->tokenizer) engine::check_tokenizer_fits(*impl->text_tokenizer(), impl->info.vocab_size, path);
  impl->threads = std::make_shared<ThreadPool>(options.threads);
  auto model = models::load_model(path,
                                  {.bits = options.bits,
                                   .kv_bits = options.kv_bits,
                                   .strict = options.strict,
                                   .check_weights = options.check_weights,
                                   .progress = options.progress},
                                  *impl->threads);
  for (const std::string& adapter : options.adapters) {
    std::vector<models::LoraPart> parts = engine::adapter_parts(adapter);
    for (models::LoraPart& part : parts) part.folder = find_model(part.folder);
    impl->adapters[engine::adapter_name(adapter)] = load_lora(parts, *model);
  }
  for (const auto& [name, file] : options.control_vectors) {
    impl->controls[name] =
        std::make_shared<const nn::ControlVectors>(models::load_control_vector(file, model->shape()));
  }
  impl->model = std::move(model);
  std::vector<std::shared_ptr<const models::DecoderModel>> all{impl->model};
  if (!options.draft.empty()) {
    impl->draft = load_companion(options.draft, *impl->model, options, *impl->threads, /*drafts=*/true);
    all.push_back(impl->draft);
    impl->draft_tokenizer = other_tokenizer(options.draft, impl->tokenizer);
    if (impl->draft_tokenizer && impl->model->shape().encodes) {
      throw UnsupportedError(
          {.file = options.draft, .rule = "a draft of a model with an encoder must have its tokenizer"});
    }
  }
  for (const auto& [name, folder] : options.experts) {
    impl->experts[name] = static_cast<decode::ModelIndex>(all.size());
    all.push_back(load_companion(folder, *impl->model, options, *impl->threads, /*drafts=*/false));
    if (other_tokenizer(folder, impl->tokenizer)) {
      throw UnsupportedError({.file = folder, .rule = "an expert must have the tokenizer of the model that it guides"});
    }
  }
  impl->engine = std::make_unique<Engine>(make_slots(all, options), impl->threads,
                                          engine::EngineOptions{.prefill_chunk = options.prefill_chunk});
  return Model(std::move(impl));
}

std::string Model::shipped_path() {
  namespace fs = std::filesystem;
  const fs::path name = "skald-tales";
  std::vector<fs::path> places;
  if (const char* const folder = std::getenv("SKALD_MODELS")) places.emplace_back(folder);
  // Installed: PREFIX/lib/libskald.so (or lib/ARCHITECTURE, bin) and PREFIX/share/skald/models.
  Dl_info library{};
  if (dladdr(reinterpret_cast<const void*>(&door_defaults), &library) != 0 && library.dli_fname != nullptr) {
    std::error_code ignored;
    const fs::path here = fs::canonical(library.dli_fname, ignored).parent_path();
    for (fs::path up = here; up.has_relative_path() && places.size() < 4; up = up.parent_path()) {
      places.push_back(up / "share" / "skald" / "models");
    }
  }
#ifdef SKALD_SOURCE_MODELS
  places.emplace_back(SKALD_SOURCE_MODELS);
#endif
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (fs::exists(place / name / "config.json", ignored)) return (place / name).string();
  }
  std::string looked_in;
  for (const fs::path& place : places) looked_in += (looked_in.empty() ? "" : ", ") + place.string();
  throw PathError(PathError::Kind::not_found,
                  {.file = name.string(),
                   .rule = "the model that ships with skald is not installed (looked in " + looked_in +
                           "); set SKALD_MODELS to the folder that holds it, or name a model"});
}

std::vector<Completion> Model::generate(const Prompt& prompt, const GenerationConfig& config) const {
  return generate(std::vector<Prompt>{prompt}, config);
}

std::vector<Completion> Model::generate(const std::vector<Prompt>& prompts, const GenerationConfig& config) const {
  return submit(prompts, config).wait();
}

const GenerationConfig& Model::generation_config() const { return impl_->generation_config; }
bool Model::has_tokenizer() const { return impl_->tokenizer.has_value(); }
const ModelInfo& Model::info() const { return impl_->info; }
int Model::threads() const { return impl_->threads->size(); }
std::size_t Model::weight_bytes() const { return impl_->model->shape().weight_bytes; }

Statistics Model::statistics() const { return impl_->engine->statistics(); }

const Tokenizer& Model::tokenizer() const {
  if (!impl_->tokenizer) {
    throw UnsupportedError({.file = impl_->info.path,
                            .rule = "has no tokenizer.json (or is a GGUF file without a tokenizer): give token ids"});
  }
  return *impl_->tokenizer;
}

struct Generation::Impl {
  std::shared_ptr<Model::Impl> model;
  std::shared_ptr<Group> group;
  std::vector<Notice> notices;
};

Generation::Generation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generation::Generation(Generation&&) noexcept = default;

Generation& Generation::operator=(Generation&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Generation::~Generation() {
  if (impl_) impl_->model->engine->abandon(std::move(impl_->group));
}

std::vector<Completion> Generation::wait() {
  impl_->model->engine->check_usable();
  return impl_->group->wait();
}

bool Generation::wait_for(std::chrono::milliseconds time) {
  impl_->model->engine->check_usable();
  return impl_->group->wait_for(time);
}

void Generation::cancel() { impl_->group->cancel(); }

const std::vector<Notice>& Generation::notices() const { return impl_->notices; }

std::vector<TextScore> Model::score(const std::vector<ScoreInput>& texts, const ScoreOptions& options) const {
  const std::shared_ptr<Impl> impl = impl_;
  impl->engine->check_usable();
  check_prompts(texts.size());
  GenerationConfig config{.logprobs = options.top};
  config.adapter = options.adapter;
  config.adapter_scale = options.adapter_scale;
  config.control_vectors = options.control_vectors;
  config.control_layers = options.control_layers;
  decode::check(config);
  const engine::ScoreSetup setup{
      .shape = impl->model->shape(),
      .tokenizer = impl->text_tokenizer(),
      .defaults = impl->generation_config,
      .engine = *impl->engine,
      .n_top = options.top,
      .conditions = std::make_shared<const engine::Conditions>(engine::Conditions{
          .adapter = engine::find_adapter(options.adapter, impl->adapters),
          .adapter_scale = static_cast<float>(options.adapter_scale),
          .controls = engine::make_controls(config, impl->controls, impl->model->shape().n_layers)})};
  auto group = std::make_shared<Group>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    group->add(setup.make_request(texts[i], static_cast<std::int64_t>(i)));
  }
  impl->engine->submit(group);
  std::vector<TextScore> scores;
  for (const Completion& completion : group->wait()) scores.push_back(engine::text_score(completion));
  return scores;
}

Generation Model::submit(std::vector<Prompt> prompts, const GenerationConfig& config, StreamCallback stream, Door door,
                         Hooks hooks) const {
  return ModelAccess::submit(*this, {.prompts = std::move(prompts),
                                     .config = config,
                                     .stream = std::move(stream),
                                     .door = door,
                                     .hooks = std::move(hooks)});
}

std::vector<std::vector<float>> ModelAccess::states(const Model& model, const std::vector<Prompt>& texts,
                                                    std::span<const std::int32_t> layers, Pooling pooling) {
  const std::shared_ptr<Model::Impl> impl = model.impl_;
  impl->engine->check_usable();
  check_prompts(texts.size());
  const models::ModelShape& shape = impl->model->shape();
  const std::vector<std::int32_t> after(layers.begin(), layers.end());
  auto group = std::make_shared<Group>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name = "text " + std::to_string(i);
    std::vector<TokenId> ids = engine::text_ids(texts[i], impl->text_tokenizer(), shape.vocab_size, name);
    if (ids.empty()) throw OptionError({.field = name, .value = {}, .rule = "is empty"});
    const std::int64_t length = std::ssize(ids);
    engine::check_text_length(length, shape.hard_limit ? shape.max_positions : 0, name);
    group->add(
        {.strategy = std::make_unique<decode::Probing>(std::move(ids), after, pooling, impl->engine->language_model()),
         .needs = {{.prompt_length = length, .longest = length}}});
  }
  impl->engine->submit(group);
  std::vector<std::vector<float>> states;
  for (const Completion& completion : group->wait()) states.push_back(completion.step_outputs->hidden_states);
  return states;
}

const models::ModelShape& ModelAccess::shape(const Model& model) { return model.impl_->model->shape(); }

namespace {

// Chooses the prompts' last tokens anew. Returns what each says beyond what was given; `prompts` become those to use.
std::vector<std::string> heal(const Model& model, const text::Tokenizer* tokenizer, const GenerationConfig& config,
                              std::vector<Prompt>& prompts) {
  if (tokenizer == nullptr || ModelAccess::shape(model).encodes) {
    throw OptionError({.field = "token_healing",
                       .value = "true",
                       .rule = tokenizer == nullptr ? "needs a tokenizer, and this model's folder has none"
                                                    : "is for models without an encoder"});
  }
  std::vector<engine::Healing> healings;
  std::vector<std::optional<Generation>> calls(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const engine::Healing& healing =
        healings.emplace_back(engine::begin_healing(prompts[i], *tokenizer, ModelAccess::shape(model).vocab_size));
    if (healing.tail < 0) continue;
    calls[i].emplace(ModelAccess::submit(
        model, {.prompts = {healing.ids}, .config = engine::healing_config(healing, config), .again = true}));
  }
  std::vector<std::string> beyond(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    engine::Healing& healing = healings[i];
    if (calls[i]) {
      const TokenId chosen = calls[i]->wait().at(0).token_ids.at(0);
      beyond[i] = engine::healed_text(healing, chosen, *tokenizer);
      healing.ids.push_back(chosen);
    }
    prompts[i] = std::move(healing.ids);
  }
  return beyond;
}

}  // namespace

Generation ModelAccess::submit(const Model& model, Call call) {
  const std::shared_ptr<Model::Impl> impl = model.impl_;  // a callback may drop the model before this returns
  impl->engine->check_usable();
  const engine::ModelSet models = impl->models();
  decode::ResolvedConfig resolved = decode::resolve(call.config, impl->generation_config, call.door,
                                                    {.encodes = models.shape.encodes,
                                                     .has_draft = models.draft >= 0,
                                                     .draft_reads_otherwise = models.draft_tokenizer != nullptr});
  if (!call.again) {
    for (const Notice& notice : resolved.notices) log_notice(LogLevel::warning, to_string(notice));
  }
  check_prompts(call.prompts.size());
  std::vector<std::string> healed;
  if (resolved.config.token_healing.value_or(false)) {
    healed = heal(model, models.tokenizer, resolved.config, call.prompts);
  }
  engine::CallSetup setup(resolved, models, *impl->engine);
  setup.set_hooks(std::move(call.hooks));
  setup.set_resume(std::move(call.resume));
  setup.set_healed(std::move(healed));
  auto group = std::make_shared<Group>(std::move(call.stream), setup.lockstep());
  group->keep_alive = std::make_shared<std::vector<std::optional<Tokenizer>>>(
      std::vector<std::optional<Tokenizer>>{impl->tokenizer, impl->draft_tokenizer});
  for (engine::Request& request : setup.make_requests(call.prompts)) group->add(std::move(request));
  impl->engine->submit(group);
  return Generation(
      std::make_unique<Generation::Impl>(Generation::Impl{impl, std::move(group), std::move(resolved.notices)}));
}

}  // namespace skald
