// Looking up while a call is waited for.
#pragma once

#include <functional>

#include "skald/export.h"

namespace skald {

/// While one lives, a thread that waits for completions, scores, embeddings or a session's tokens calls `tick` about
/// twenty times a second. What it throws ends the call that is waited for, and is thrown there. They nest: the
/// innermost counts.
///
///     const skald::Waiting waiting([&] { if (stop_requested) throw skald::CancelledError("stopped"); });
///     const auto scores = model.score(texts);
class SKALD_API Waiting {
 public:
  using Tick = std::function<void()>;
  explicit Waiting(Tick tick);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  /// Of this thread; null where there is none.
  [[nodiscard]] static const Tick* current();

 private:
  Tick tick_;
  const Tick* outer_;
};

}  // namespace skald
