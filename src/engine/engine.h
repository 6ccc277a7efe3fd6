// The engine: one thread that runs all calls on a model together.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "engine/driver.h"
#include "skald/statistics.h"

namespace skald::engine {

/// Thread-safe. Not usable in the child of a fork(): every call says so.
class Engine {
 public:
  Engine(std::vector<ModelSlot> slots, std::shared_ptr<ThreadPool> threads, const EngineOptions& options);
  /// Ends all calls as cancelled.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// What strategies are made with.
  [[nodiscard]] decode::LanguageModel& language_model() { return driver_->language_model(); }
  [[nodiscard]] std::int64_t longest_that_fits(std::int64_t prompt_length, std::int64_t branches,
                                               std::int64_t encoder_length = 0) const {
    return driver_->longest_that_fits(prompt_length, branches, encoder_length);
  }

  [[nodiscard]] Statistics statistics() const;

  /// Starts a call. Throws LimitError where the queue is full or a request can never fit, UsageError from a callback or
  /// after a fork.
  void submit(std::shared_ptr<Group> group);
  /// Ends a call that nobody waits for: no callback of it is made once this returns.
  void abandon(std::shared_ptr<Group> group) noexcept;
  /// The same hooks, in which the engine knows that it cannot be waited for.
  [[nodiscard]] Hooks guarded(Hooks hooks) const;
  /// Throws UsageError where the engine cannot be waited for: in a callback, after a fork.
  void check_usable() const;

 private:
  std::shared_ptr<Driver> driver_;  // also held by the thread
  std::thread thread_;
  pid_t process_;
};

}  // namespace skald::engine
