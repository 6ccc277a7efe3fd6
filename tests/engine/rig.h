// An engine on a fake model, and calls on it as Model::submit makes them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/resolve.h"
#include "engine/engine.h"
#include "engine/fake_model.h"
#include "engine/prepare.h"

namespace skald::test {

struct RigOptions {
  FakeOptions model = {};
  int threads = 1;
  engine::EngineOptions engine = {};
  std::size_t budget_bytes = std::size_t{64} << 20;
  const text::Tokenizer* tokenizer = nullptr;
};

class Rig {
 public:
  explicit Rig(const RigOptions& options = {}) : tokenizer_(options.tokenizer) {
    model_ = std::make_shared<FakeModel>(options.model);
    std::vector<engine::ModelSlot> slots(1);
    slots[0].model = model_;
    slots[0].state = std::make_unique<nn::StatePool>(
        model_->state_layout(),
        nn::StatePoolOptions{
            .budget_bytes = options.budget_bytes, .longest_draft = 272, .longest_chunk = options.engine.prefill_chunk});
    engine_ = std::make_unique<engine::Engine>(std::move(slots), std::make_shared<ThreadPool>(options.threads),
                                               options.engine);
  }

  std::shared_ptr<engine::Group> submit(const std::vector<Prompt>& prompts, const GenerationConfig& config,
                                        StreamCallback stream = {}, bool lockstep = false) {
    engine_->check_usable();
    const decode::ResolvedConfig resolved = decode::resolve(config, {}, Door::library);
    const engine::CallSetup setup(resolved, model_->shape(), tokenizer_, {}, *engine_);
    auto group = std::make_shared<engine::Group>(std::move(stream), lockstep);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      group->add(setup.make_request(prompts[i], static_cast<std::int64_t>(i)));
    }
    engine_->submit(group);
    return group;
  }

  std::vector<Completion> run(const std::vector<Prompt>& prompts, const GenerationConfig& config) {
    return submit(prompts, config)->wait();
  }

  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] const FakeModel& model() const { return *model_; }

 private:
  const text::Tokenizer* tokenizer_;
  std::shared_ptr<FakeModel> model_;
  std::unique_ptr<engine::Engine> engine_;
};

/// `n` tokens in [0, 90), different for each `which`.
inline std::vector<TokenId> some_prompt(int n, int which = 0) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 7 + which * 13 + i * i % 11) % 90);
  return ids;
}

}  // namespace skald::test
