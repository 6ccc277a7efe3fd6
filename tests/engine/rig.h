// An engine on a fake model, and calls on it as Model::submit makes them.
#pragma once

#include <memory>
#include <optional>
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
  std::optional<FakeOptions> draft = {};
  const text::Tokenizer* draft_tokenizer = nullptr;  // where drafts go by way of the text
  engine::Names experts = {};                        // numbers of models: the draft is 1, else further ones are
  std::vector<FakeOptions> further = {};
};

class Rig {
 public:
  explicit Rig(const RigOptions& options = {})
      : model_(std::make_shared<FakeModel>(options.model)), set_{.shape = model_->shape()} {
    std::vector<std::shared_ptr<FakeModel>> models{model_};
    if (options.draft) models.push_back(std::make_shared<FakeModel>(*options.draft));
    for (const FakeOptions& further : options.further) models.push_back(std::make_shared<FakeModel>(further));
    std::vector<engine::ModelSlot> slots;
    for (const auto& model : models) {
      slots.push_back(
          {.model = model,
           .state = std::make_unique<nn::StatePool>(
               model->state_layout(), nn::StatePoolOptions{.budget_bytes = options.budget_bytes,
                                                           .longest_draft = 272,
                                                           .longest_chunk = options.engine.prefill_chunk})});
    }
    set_.draft = options.draft ? 1 : -1;
    set_.draft_tokenizer = options.draft_tokenizer;
    set_.experts = options.experts;
    set_.tokenizer = options.tokenizer;
    engine_ = std::make_unique<engine::Engine>(std::move(slots), std::make_shared<ThreadPool>(options.threads),
                                               options.engine);
  }

  std::shared_ptr<engine::Group> submit(const std::vector<Prompt>& prompts, const GenerationConfig& config,
                                        StreamCallback stream = {}, bool lockstep = false) {
    engine_->check_usable();
    const decode::ResolvedConfig resolved = decode::resolve(config, {}, Door::library);
    engine::CallSetup setup(resolved, set_, *engine_);
    setup.set_hooks(hooks_);
    auto group = std::make_shared<engine::Group>(std::move(stream), lockstep || setup.lockstep());
    for (engine::Request& request : setup.make_requests(prompts)) group->add(std::move(request));
    engine_->submit(group);
    return group;
  }

  std::vector<Completion> run(const std::vector<Prompt>& prompts, const GenerationConfig& config) {
    return submit(prompts, config)->wait();
  }

  /// Code that all later calls run.
  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] const FakeModel& model() const { return *model_; }

 private:
  std::shared_ptr<FakeModel> model_;
  engine::ModelSet set_;
  Hooks hooks_;
  std::unique_ptr<engine::Engine> engine_;
};

/// Bytes of a block of the fake model's state.
inline std::size_t fake_block_bytes() {
  return nn::StatePool(FakeModel().state_layout(), {}).bytes_per_position() * kernels::kBlock;
}

/// `n` tokens in [0, 90), different for each `which`.
inline std::vector<TokenId> some_prompt(int n, int which = 0) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 7 + which * 13 + i * i % 11) % 90);
  return ids;
}

}  // namespace skald::test
