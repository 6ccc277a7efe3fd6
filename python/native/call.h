// A call under way, as Python sees it: events to iterate over, completions to wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "skald/model.h"

namespace skald::python {

/// A StreamEvent that owns what it tells.
struct Event {
  std::int64_t prompt_index = 0;
  std::int64_t index = 0;
  std::string text;
  std::vector<TokenId> token_ids;
  std::string tentative;
  std::optional<Completion> finished;  // in the last event of a completion
};

/// Which events of a call are kept: none, all, or the last one of each completion.
enum class Kept { none, all, last };

/// Waits without the interpreter's lock, in ticks between which signals are looked at. Any thread may cancel; one at a
/// time may wait. Dropping it cancels it.
class Call {
 public:
  Call(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config, Door door, Hooks hooks,
       Kept events);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// The next event; nothing after the last one. Needs the interpreter's lock.
  std::optional<Event> next();
  /// As next(), but nothing too where none waits. For event loops, with ended() looked at first.
  std::optional<Event> poll();
  [[nodiscard]] bool ended();
  /// A file descriptor that can be read from once an event has come, until taken() is called.
  int fileno();
  void taken();
  /// All completions. Needs the interpreter's lock.
  std::vector<Completion> wait();
  void cancel();
  /// As far as it ends within a second. Does not need the interpreter's lock.
  void wait_for_end();
  [[nodiscard]] std::vector<Notice> notices() const;

 private:
  // What the engine's thread fills and the caller empties.
  struct Events {
    std::mutex mutex;
    std::condition_variable arrived;
    std::deque<Event> waiting;
    int wake = -1;  // eventfd, where fileno() was asked for

    Events() = default;
    ~Events();
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;
    void push(const StreamEvent& event);
  };
  static StreamCallback into(const std::shared_ptr<Events>& events, Kept kept);
  Events& events();
  void wait_for_event(std::chrono::milliseconds time);
  void check();

  std::shared_ptr<Events> events_;
  bool one_has_finished_ = false;  // of its completions: the call may end any time
  std::optional<Generation> generation_;
};

}  // namespace skald::python
