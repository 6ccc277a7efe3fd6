#include "decode/chain.h"

#include <algorithm>

#include "decode/chain_places.h"

namespace skald::decode {

ProcessorChain::ProcessorChain(const ProcessorChain& other) {
  processors_.reserve(other.processors_.size());
  for (const auto& processor : other.processors_) processors_.push_back(processor->clone());
}

void ProcessorChain::apply(const StepContext& step, Candidates& candidates) const {
  for (const auto& processor : processors_) processor->apply(step, candidates);
}

void ProcessorChain::collect(const StepContext& step, Candidates& candidates) const {
  for (const auto& processor : processors_) {
    if (processor->collect(step, candidates)) return;
    processor->apply(step, candidates);
  }
}

void ProcessorChain::accept(TokenId token) {
  for (const auto& processor : processors_) processor->accept(token);
}

void ProcessorChain::rewind(std::int64_t n_tokens) {
  for (const auto& processor : processors_) processor->rewind(n_tokens);
}

bool ProcessorChain::may_leave_none() const {
  return std::ranges::any_of(processors_, [](const auto& processor) { return processor->may_leave_none(); });
}

namespace {

using Role = ChainPlace::Role;

constexpr std::string_view kPenalties = "penalties";  // llama.cpp's name for two places

bool is_sampler(Role role) { return role == Role::penalty || role == Role::warper || role == Role::truncation; }

// Whether a place is passed over whatever its options say.
bool is_idle(const ChainPlace& place, const GenerationConfig& config) {
  const bool shapes = place.role == Role::warper || place.role == Role::truncation;
  if (shapes && !config.do_sample.value_or(false)) return true;
  // Mirostat takes the place of what cuts the distribution, unless the request has an order of its own.
  return place.role == Role::truncation && config.mirostat.value_or(0) > 0 && !config.samplers;
}

// Whether `name` in an order stands for `place`.
bool names(std::string_view name, const ChainPlace& place) {
  if (name == place.name) return true;
  return name == kPenalties && (place.name == "repetition_penalty" || place.name == "frequency_penalty");
}

std::vector<std::string_view> order_of(const GenerationConfig& config, const Profile& profile) {
  if (config.samplers) return {config.samplers->begin(), config.samplers->end()};
  return {profile.order.begin(), profile.order.end()};
}

}  // namespace

ProcessorChain build_chain(const GenerationConfig& config, const ChainSetup& setup) {
  ProcessorChain chain;
  const Profile& profile = profile_of(config);
  const auto make = [&](auto wanted) {
    for (const ChainPlace& place : chain_places()) {
      if (wanted(place) && !is_idle(place, config)) place.make({config, setup, profile}, chain);
    }
  };
  if (!config.samplers && profile.order.empty()) {
    make([](const ChainPlace&) { return true; });
    return chain;
  }
  make([](const ChainPlace& place) { return place.role == Role::rule; });
  for (const std::string_view name : order_of(config, profile)) {
    make([name](const ChainPlace& place) { return is_sampler(place.role) && names(name, place); });
  }
  make([](const ChainPlace& place) { return place.role == Role::last; });
  return chain;
}

std::vector<std::string_view> sampler_names() {
  std::vector<std::string_view> known = {kPenalties};
  for (const ChainPlace& place : chain_places()) {
    if (is_sampler(place.role)) known.push_back(place.name);
  }
  return known;
}

}  // namespace skald::decode
