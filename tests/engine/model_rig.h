// An engine on a tiny checkpoint, with as little memory as a test wants.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "decode/resolve.h"
#include "engine/engine.h"
#include "engine/prepare.h"
#include "models/decoder_model.h"
#include "skald/error.h"

namespace skald::test {

struct ModelRigOptions {
  std::string model;
  std::string draft = {};
  int kv_bits = 0;
  std::size_t budget_bytes = std::size_t{64} << 20;
  std::size_t draft_budget_bytes = std::size_t{64} << 20;
  engine::EngineOptions engine = {};
};

class ModelRig {
 public:
  explicit ModelRig(const ModelRigOptions& options) : threads_(std::make_shared<ThreadPool>(1)) {
    std::vector<engine::ModelSlot> slots;
    for (const std::string& folder : {options.model, options.draft}) {
      if (folder.empty()) continue;
      std::shared_ptr<const models::DecoderModel> model =
          models::load_model(folder, {.bits = 32, .kv_bits = options.kv_bits}, *threads_);
      const nn::StateLayout layout = model->state_layout();
      const bool rewinds = std::ranges::none_of(
          layout.groups, [](const nn::StateGroup& group) { return group.kind == nn::StateGroup::Kind::recurrent; });
      slots.push_back({.model = model,
                       .state = std::make_unique<nn::StatePool>(
                           layout, nn::StatePoolOptions{.kv_type = model->shape().kv_type,
                                                        .budget_bytes = slots.empty() ? options.budget_bytes
                                                                                      : options.draft_budget_bytes,
                                                        .longest_draft = rewinds ? 272 : 0,
                                                        .longest_chunk = options.engine.prefill_chunk})});
      models_.push_back(std::move(model));
    }
    engine_ = std::make_unique<engine::Engine>(std::move(slots), threads_, options.engine);
  }

  std::shared_ptr<engine::Group> submit(const std::vector<Prompt>& prompts, GenerationConfig config) {
    const models::ModelShape& shape = models_[0]->shape();
    if (shape.encodes && !config.decoder_start_token_id) config.decoder_start_token_id = 0;
    const engine::ModelSet set{.shape = shape,
                               .draft = models_.size() > 1 ? 1 : -1,
                               .draft_encoder_positions = models_.back()->shape().encoder_positions};
    const decode::ResolvedConfig resolved =
        decode::resolve(config, {}, Door::library, {.encodes = shape.encodes, .has_draft = set.draft > 0});
    const engine::CallSetup setup(resolved, set, *engine_);
    auto group = std::make_shared<engine::Group>(StreamCallback{}, setup.lockstep());
    for (engine::Request& request : setup.make_requests(prompts)) group->add(std::move(request));
    engine_->submit(group);
    return group;
  }

  std::vector<Completion> run(const std::vector<Prompt>& prompts, const GenerationConfig& config) {
    return submit(prompts, config)->wait();
  }
  [[nodiscard]] Statistics statistics() const { return engine_->statistics(); }
  [[nodiscard]] const models::ModelShape& shape() const { return models_[0]->shape(); }

 private:
  std::shared_ptr<ThreadPool> threads_;
  std::vector<std::shared_ptr<const models::DecoderModel>> models_;
  std::unique_ptr<engine::Engine> engine_;
};

/// The smallest budget in steps of `step` bytes with which `submit(budget)` is not refused.
template <typename Submit>
std::size_t least_budget(std::size_t step, Submit submit) {
  std::size_t low = 0, high = 1;
  const auto fits = [&](std::size_t steps) {
    try {
      submit(steps * step);
      return true;
    } catch (const LimitError&) {
      return false;
    }
  };
  while (!fits(high)) low = std::exchange(high, 2 * high);
  while (low + 1 < high) {
    const std::size_t middle = (low + high) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return high * step;
}

}  // namespace skald::test
