// A request (one prompt with all its sequences) and the call that it belongs to.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "decode/strategy.h"
#include "engine/clock.h"
#include "engine/conditions.h"
#include "skald/model.h"
#include "skald/waiting.h"

namespace skald::engine {

class Group;

/// Tokens of one sequence that a strategy wants computed, and how far that is. A prompt takes several steps.
struct Segment {
  decode::ModelIndex model = 0;
  decode::SequenceHandle sequence = 0;
  std::span<const TokenId> tokens;
  std::int64_t n_logits = 0;  // the last rows want logits
  decode::RowWants also = {};
  std::int64_t n_wanted = 0;         // rows at the end that want something
  std::int32_t first_row = 0;        // index within the plan of the first row that wants something
  std::int64_t done = 0;             // rows computed
  bool is_prompt = false;            // a prompt, or what is computed again: its rows wait for those that go on
  std::int64_t first_new = 0;        // rows before it are computed again, and want nothing
  std::vector<TokenId> replay = {};  // where `tokens` begins anew with all that the sequence has had

  [[nodiscard]] std::int64_t n_tokens() const { return std::ssize(tokens); }
  [[nodiscard]] bool complete() const { return done == n_tokens(); }
  /// Rows of this one and later ones may want something.
  [[nodiscard]] std::int64_t first_wanted() const { return std::max(first_new, n_tokens() - n_wanted); }
};

/// What a strategy's plan() leaves: kept until every row is computed.
class Plan final : public decode::StepPlan {
 public:
  std::int32_t add(decode::ModelIndex model, decode::SequenceHandle sequence, std::span<const TokenId> tokens,
                   std::int64_t n_logits, const decode::RowWants& also) override;
  void clear();
  [[nodiscard]] bool complete() const;
  [[nodiscard]] std::vector<Segment>& segments() { return segments_; }

 private:
  std::vector<Segment> segments_;
  std::int32_t n_rows_ = 0;
};

/// Sequences of one model that a request has at its widest moment.
struct SequenceNeed {
  decode::ModelIndex model = 0;
  std::int64_t prompt_length = 0;
  std::int64_t longest = 0;   // positions of each
  std::int64_t branches = 1;  // how many share the prompt
};

/// The unit of admission, preemption and cancellation.
struct Request {
  Group* group = nullptr;
  std::unique_ptr<decode::DecodingStrategy> strategy;
  std::vector<SequenceNeed> needs = {};     // the main model's own first
  std::vector<TokenId> encoder_input = {};  // encoded once, before the first step; empty: there is no encoder
  std::shared_ptr<const Conditions> conditions = std::make_shared<const Conditions>();
  // The engine's:
  std::vector<std::size_t> blocks = {};  // wanted free to begin with, by model, in its pool's units
  Plan plan = {};
  RequestClock clock = {};
  bool planned = false;    // `plan` is under way
  bool settled = false;    // a plan was computed since it was admitted: it holds what it needs
  bool preempted = false;  // in this step: it has no state any more
  std::int64_t n_preemptions = 0;
  std::int64_t n_beyond = 0;  // tokens that its longest sequence had beyond the prompt when it was preempted
  std::int64_t n_cached = 0;  // of the main model's prompt, taken from other requests
  bool begun = false;         // n_cached is known
  std::exception_ptr error = {};

  [[nodiscard]] std::int64_t n_sequences() const;
};

/// One call: its requests, its caller. Rows are independent; in lockstep, step s runs when all rows have it.
class Group {
 public:
  explicit Group(StreamCallback stream = {}, bool lockstep = false) : stream_(std::move(stream)), lockstep_(lockstep) {}

  /// Before it is submitted.
  Request& add(Request request);

  /// Any thread.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  /// The completions: requests in order, of each by index. Rethrows the error that the call ended with. What the
  /// thread's Waiting throws ends the call; the engine lets go of it when its step ends.
  std::vector<Completion> wait();
  bool wait_for(std::chrono::milliseconds time);
  /// No callback is made any more once this returns. From the engine's own callbacks: mute_here().
  void mute();

  /// The engine's thread.
  [[nodiscard]] std::span<const std::unique_ptr<Request>> requests() const { return requests_; }
  void mute_here() { muted_.store(true, std::memory_order_relaxed); }
  /// Calls `tell(stream)` unless there is no stream, or it is muted.
  template <typename Tell>
  void with_stream(Tell tell) {
    if (!stream_) return;
    const std::lock_guard lock(callback_mutex_);
    if (!muted()) tell(stream_);
  }
  [[nodiscard]] bool lockstep() const { return lockstep_; }
  [[nodiscard]] bool finished() const;  // every strategy is
  void fail(std::exception_ptr error);  // the first one counts
  [[nodiscard]] bool told() const;      // the caller has had the last event of every completion
  void close();                         // wakes the caller: nothing changes any more

  std::shared_ptr<const void> keep_alive;  // what the strategies refer to (the tokenizer)

 private:
  void wait_with(const Waiting::Tick& tick);
  [[nodiscard]] bool muted() const { return muted_.load(std::memory_order_relaxed); }

  std::vector<std::unique_ptr<Request>> requests_;
  StreamCallback stream_;
  bool lockstep_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> muted_ = false;
  std::mutex callback_mutex_;  // held while callbacks run
  std::exception_ptr error_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace skald::engine
