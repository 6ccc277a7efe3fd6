#include "engine/engine.h"

#include <unistd.h>

#include <utility>

#include "skald/error.h"

namespace skald::engine {

Engine::Engine(std::vector<ModelSlot> slots, std::shared_ptr<ThreadPool> threads, const EngineOptions& options)
    : driver_(std::make_shared<Driver>(std::move(slots), std::move(threads), options)),
      thread_([driver = driver_] { driver->run(); }),
      process_(getpid()) {}

Engine::~Engine() {
  if (getpid() != process_) {
    // The thread, and those of the pool, are not in this process: there is nobody to join. What they own stays.
    thread_.detach();
    new std::shared_ptr<Driver>(std::move(driver_));  // NOLINT(bugprone-unhandled-exception-at-new)
    return;
  }
  driver_->stop();
  if (std::this_thread::get_id() == thread_.get_id()) {
    thread_.detach();  // the last handle went in a callback: the thread ends by itself and frees the driver
  } else {
    thread_.join();
  }
}

void Engine::check_usable() const {
  if (getpid() != process_) {
    throw UsageError("a model cannot be used in a process that was forked after loading it: load it in the child");
  }
  if (in_callback(driver_.get())) {
    throw UsageError("the engine was entered from one of its own callbacks: return from the callback first");
  }
}

namespace {

template <class R, class... A>
void guard(std::function<R(A...)>& hook, const Driver* driver) {
  if (!hook) return;
  hook = [driver, inner = std::move(hook)](A... arguments) {
    const CallbackScope scope(driver);
    return inner(arguments...);
  };
}

}  // namespace

Hooks Engine::guarded(Hooks hooks) const {
  for (LogitsHook& hook : hooks.logits_processors) guard(hook, driver_.get());
  for (GroupLogitsHook& hook : hooks.group_logits_processors) guard(hook, driver_.get());
  for (StopHook& hook : hooks.stopping_criteria) guard(hook, driver_.get());
  guard(hooks.prefix_allowed_tokens_fn, driver_.get());
  return hooks;
}

void Engine::abandon(std::shared_ptr<Group> group) noexcept {
  if (getpid() != process_) {
    // Its locks may be held by threads that are not here.
    new std::shared_ptr<Group>(std::move(group));  // NOLINT(bugprone-unhandled-exception-at-new)
    return;
  }
  group->cancel();
  if (in_callback(driver_.get())) return group->mute_here();
  group->mute();
}

Statistics Engine::statistics() const {
  const Counters& counters = driver_->counters();
  return {.passes = counters.passes,
          .rows = counters.rows,
          .encoder_passes = counters.encoder_passes,
          .cached_prompt_rows = counters.cached_rows,
          .preemptions = counters.preemptions,
          .kept_sequences = counters.kept_sequences,
          .state_bytes = static_cast<std::size_t>(counters.state_bytes.load())};
}

void Engine::submit(std::shared_ptr<Group> group) {
  check_usable();
  driver_->submit(std::move(group));
}

}  // namespace skald::engine
