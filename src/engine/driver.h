// What the engine's thread does: admits requests, runs steps, tells callers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/thread_pool.h"
#include "engine/request.h"
#include "engine/sequences.h"
#include "engine/step.h"

namespace skald::engine {

struct EngineOptions {
  std::int64_t prefill_chunk = 512;  // rows of one step, as far as prompts can wait for those that go on
  std::size_t max_waiting = 4096;    // requests that may wait for admission
  std::int64_t max_sequences = 256;  // that run at once (a request that has more runs alone)
  std::int64_t growth = 128;         // positions that must be free for a request beyond its prompt when it is admitted
};

/// Requests are admitted in the order they came, once there is room for their prompt and some growth. Where blocks run
/// out, what is kept for later requests goes first; then the youngest request is preempted: it loses its state, goes
/// back to the front of the queue, and its tokens are computed again when it runs. The oldest one always has room: its
/// widest moment fits alone.
class Driver final : Memory {
 public:
  Driver(std::vector<ModelSlot> slots, std::shared_ptr<ThreadPool> threads, const EngineOptions& options);

  // Any thread.
  /// Throws LimitError where the queue is full or a request could never fit.
  void submit(std::shared_ptr<Group> group);
  void stop();
  [[nodiscard]] decode::LanguageModel& language_model() { return sequences_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Positions of one sequence that `branches` sequences with a common prompt (and a common encoder's input of
  /// `encoder_length` tokens) can reach at most, running alone.
  [[nodiscard]] std::int64_t longest_that_fits(std::int64_t prompt_length, std::int64_t branches,
                                               std::int64_t encoder_length = 0) const;

  /// Works until stop() is called, then ends all calls as cancelled.
  void run();

 private:
  using Blocks = std::vector<std::size_t>;  // by model
  static constexpr std::int64_t kAll = std::int64_t{1} << 40;
  /// Without the encoder's output.
  [[nodiscard]] std::size_t blocks_for(const SequenceNeed& need) const;
  /// At its widest moment, or where no sequence goes `beyond` that many positions more than its prompt.
  [[nodiscard]] Blocks blocks_for(const Request& request, std::int64_t beyond = kAll) const;
  [[noreturn]] void refuse(const Request& request) const;
  bool wait_for_work();
  void drop_cancelled();
  void admit();
  [[nodiscard]] bool fits(const Blocks& blocks) const;
  [[nodiscard]] bool has_room(const Blocks& blocks) const;
  [[nodiscard]] bool finds_room(const Blocks& blocks, std::int64_t n_sequences);
  void admit_first(std::size_t n);
  bool make_room(decode::ModelIndex model, Request& request) override;
  void preempt(Request& request);
  void requeue_preempted();
  void step();
  void count_state();
  [[nodiscard]] static bool may_step(const Request& request);
  static void end(Request& request, const std::exception_ptr& error);
  void tell(Group& group);
  static void tell(const StreamCallback& stream, decode::Output& output);
  void retire();

  Counters counters_;
  Sequences sequences_;
  std::shared_ptr<ThreadPool> threads_;
  Stepper stepper_;
  EngineOptions options_;
  Blocks capacity_;  // of the pools when they are empty

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Group>> incoming_;  // guarded by mutex_
  std::size_t n_waiting_ = 0;                     // requests that are not admitted, guarded by mutex_
  bool stopping_ = false;                         // guarded by mutex_

  // The engine's thread alone:
  std::vector<std::shared_ptr<Group>> groups_;  // calls that are not over
  std::deque<Request*> waiting_;                // in the order they came
  std::vector<Request*> admitted_;              // the oldest first
  std::vector<Request*> active_;                // admitted ones that take part in this step
  std::int64_t n_sequences_ = 0;                // of the admitted ones, at their widest moments
};

/// This thread is inside a callback of `driver` while it lives.
class CallbackScope {
 public:
  explicit CallbackScope(const Driver* driver);
  ~CallbackScope();
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

 private:
  const Driver* before_;
};

/// Whether this thread is inside a callback of `driver`.
bool in_callback(const Driver* driver);

}  // namespace skald::engine
