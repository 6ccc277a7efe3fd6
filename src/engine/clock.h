// When the parts of a request began: for the timings of its completions.
#pragma once

#include <chrono>
#include <span>

#include "decode/strategy.h"

namespace skald::engine {

class RequestClock {
 public:
  void submitted() { submitted_ = Clock::now(); }
  /// For the first time.
  void admitted() {
    if (admitted_ == Clock::time_point()) admitted_ = Clock::now();
  }
  /// A step of the strategy is over: what of `outputs` has not ended before is timed. `counts`: what else is known.
  void stepped(std::span<decode::Output> outputs, const Timings& counts) {
    const Clock::time_point now = Clock::now();
    if (first_ == Clock::time_point()) first_ = now;
    for (decode::Output& output : outputs) {
      if (output.timed) continue;
      Timings& timings = output.completion.timings = counts;
      timings.queued = seconds(submitted_, admitted_);
      timings.prefill = seconds(admitted_, first_);
      timings.decode = seconds(first_, now);
      output.timed = output.finished;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }
  Clock::time_point submitted_, admitted_, first_;
};

}  // namespace skald::engine
