// Time for the tests that bound it: what else the machine does does not count.
#pragma once

#include <time.h>

namespace skald::test {

/// What this thread computed for `call`, in seconds.
inline double thread_seconds(auto&& call) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  call();
  return now() - start;
}

}  // namespace skald::test
