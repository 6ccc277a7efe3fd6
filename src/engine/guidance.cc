#include "engine/guidance.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "skald/error.h"

namespace skald::engine {
namespace {

using decode::Guidance;
using Ids = std::vector<TokenId>;

// One of "cheerful=2,formal".
struct AttributeChoice {
  std::string name;
  double strength = 1;
};

std::vector<AttributeChoice> attribute_choices(const GenerationConfig& config) {
  std::vector<AttributeChoice> choices;
  std::string_view list = config.guide_attribute ? std::string_view(*config.guide_attribute) : std::string_view();
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    const std::size_t equals = item.find('=');
    AttributeChoice& choice =
        choices.emplace_back(AttributeChoice{std::string(item.substr(0, equals)), config.guide_strength.value_or(1)});
    if (equals == std::string_view::npos) continue;
    const char* const end = item.data() + item.size();
    const auto read = std::from_chars(item.data() + equals + 1, end, choice.strength);
    if (read.ec == std::errc() && read.ptr == end && choice.strength >= -100 && choice.strength <= 100) continue;
    throw OptionError({.field = "guide_attribute",
                       .value = quoted(item),
                       .rule = "the strength after = must be a number in [-100, 100]"});
  }
  return choices;
}

// What other programs call attributes of the library.
std::string_view library_name(std::string_view name) {
  return name == "positive_sentiment" ? "positive" : name == "negative_sentiment" ? "negative" : name;
}

// The result lives as long as `attributes` does.
const Attribute& find_attribute(const std::string& name, const std::optional<std::vector<Attribute>>& attributes) {
  const std::span<const Attribute> own =
      attributes ? std::span<const Attribute>(*attributes) : std::span<const Attribute>();
  const auto named = [&](const Attribute& attribute) { return attribute.name == name; };
  if (const auto found = std::ranges::find_if(own, named); found != own.end()) return *found;
  const auto library = attribute_library();
  const auto found_there = std::ranges::find(library, library_name(name), &Attribute::name);
  if (found_there != library.end()) return *found_there;
  std::string known;
  for (const auto& list : {own, library}) {
    for (const Attribute& attribute : list) known += (known.empty() ? "" : ", ") + attribute.name;
  }
  throw OptionError({.field = "guide_attribute",
                     .value = quoted(name),
                     .rule = "is not known; known are " + known + ", and what the option attributes defines"});
}

std::int32_t find_expert(const std::string& name, const Names& experts) {
  if (const auto found = experts.find(name); found != experts.end()) return found->second;
  std::string known;
  for (const auto& [other, index] : experts) known += (known.empty() ? "" : ", ") + other;
  throw OptionError({.field = "experts",
                     .value = quoted(name),
                     .rule = known.empty() ? "no expert is loaded: name its folder when the model is loaded (--expert)"
                                           : "is not loaded; loaded are " + known});
}

class Builder {
 public:
  Builder(const GenerationConfig& config, const ModelSet& models, const decode::LanguageModel& model,
          std::span<const TokenId> prompt)
      : config_(config), models_(models), model_(model), prompt_(prompt) {}

  std::shared_ptr<const Guidance> build() {
    add_unconditional();
    for (const AttributeChoice& choice : attribute_choices(config_)) add_attribute(choice);
    for (const ExpertTerm& term : config_.experts.value_or(std::vector<ExpertTerm>{})) add_expert(term);
    if (guidance_.branches.empty()) return nullptr;
    if (models_.shape.encodes) {
      throw OptionError(
          {.field = field_, .value = {}, .rule = "guidance is for models without an encoder: this one has an encoder"});
    }
    return std::make_shared<const Guidance>(std::move(guidance_));
  }

 private:
  std::int32_t add_branch(decode::ModelIndex model, Ids prompt) {
    guidance_.branches.push_back({.model = model, .prompt = std::move(prompt)});
    return static_cast<std::int32_t>(guidance_.branches.size()) - 1;
  }

  [[nodiscard]] Ids encode(std::string_view option, const std::string& text, bool special) const {
    if (models_.tokenizer != nullptr) {
      return models_.tokenizer->encode(text, {.add_special_tokens = special}).ids;
    }
    throw OptionError(
        {.field = std::string(option), .value = {}, .rule = "needs a tokenizer, and this model's folder has none"});
  }

  // Without a negative prompt, the last token of the prompt alone, as in the reference.
  void add_unconditional() {
    if (config_.guidance_scale.value_or(1) == 1) return;
    field_ = "guidance_scale";
    Ids negative = config_.negative_prompt_ids.value_or(Ids{});
    if (config_.negative_prompt) negative = encode("negative_prompt", *config_.negative_prompt, true);
    for (const TokenId id : negative) {
      if (id < models_.shape.vocab_size) continue;
      throw OptionError({.field = "negative_prompt_ids",
                         .value = std::to_string(id),
                         .rule = "must be in [0, " + std::to_string(models_.shape.vocab_size) + ")"});
    }
    if (negative.empty()) negative = {prompt_.back()};
    guidance_.scale = static_cast<float>(*config_.guidance_scale);
    guidance_.unconditional = add_branch(0, std::move(negative));
  }

  // The attribute's text before the prompt, behind its BOS token.
  [[nodiscard]] Ids with_text(const std::string& text) const {
    const auto& bos = models_.tokenizer->special_tokens().bos;
    const bool has_bos = bos && prompt_.front() == *bos;
    Ids ids(prompt_.begin(), prompt_.begin() + (has_bos ? 1 : 0));
    const Ids words = encode("guide_attribute", text, false);
    ids.insert(ids.end(), words.begin(), words.end());
    ids.insert(ids.end(), prompt_.begin() + (has_bos ? 1 : 0), prompt_.end());
    return ids;
  }

  void add_attribute(const AttributeChoice& choice) {
    const Attribute& attribute = find_attribute(choice.name, config_.attributes);
    if (choice.strength == 0) return;
    field_ = "guide_attribute";
    static_cast<void>(encode("guide_attribute", attribute.positive, false));
    guidance_.terms.push_back({.plus = add_branch(0, with_text(attribute.positive)),
                               .minus = add_branch(0, with_text(attribute.negative)),
                               .weight = static_cast<float>(choice.strength)});
  }

  void add_expert(const ExpertTerm& term) {
    const auto branch = [&](const std::string& name) {
      if (name.empty()) return std::int32_t{-1};
      const decode::ModelIndex model = find_expert(name, models_.experts);
      check_known(name, model);
      return term.weight == 0 ? -1 : add_branch(model, Ids(prompt_.begin(), prompt_.end()));
    };
    field_ = "experts";
    const std::int32_t plus = branch(term.expert);
    const std::int32_t minus = branch(term.anti_expert);
    if (plus < 0 && minus < 0) return;
    guidance_.terms.push_back({.plus = plus, .minus = minus, .weight = static_cast<float>(term.weight)});
  }

  void check_known(const std::string& name, decode::ModelIndex model) const {
    const std::int64_t n_known = model_.vocab_size(model);
    const auto unknown = std::ranges::find_if(prompt_, [n_known](TokenId id) { return id >= n_known; });
    if (unknown == prompt_.end()) return;
    throw OptionError(
        {.field = "experts",
         .value = quoted(name),
         .rule = "has " + std::to_string(n_known) + " tokens, and the prompt holds token " + std::to_string(*unknown)});
  }

  const GenerationConfig& config_;
  const ModelSet& models_;
  const decode::LanguageModel& model_;
  std::span<const TokenId> prompt_;
  Guidance guidance_;
  std::string field_;  // the option that asked last
};

}  // namespace

std::shared_ptr<const Guidance> make_guidance(const GenerationConfig& config, const ModelSet& models,
                                              const decode::LanguageModel& model, std::span<const TokenId> prompt) {
  return Builder(config, models, model, prompt).build();
}

}  // namespace skald::engine
