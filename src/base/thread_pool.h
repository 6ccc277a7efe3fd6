// The one thread pool: a fixed set of workers, started once, that run the parts of one job at a time.
#pragma once

#include <cstddef>
#include <memory>

#include "base/function_ref.h"

namespace skald {

/// Processors that this process may use: the affinity mask, cut by the cgroup's CPU quota (v1 and v2), at least 1.
int usable_cpu_count();

/// Workers spin for some microseconds between jobs and then sleep, so that a step's many short jobs cost little and an
/// idle engine costs nothing. The calling thread is worker 0. One caller at a time.
class ThreadPool {
 public:
  /// `n_threads` in [1, 1024]; 0 takes usable_cpu_count(). Throws OptionError outside, naming --threads.
  explicit ThreadPool(int n_threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int size() const { return size_; }

  /// Calls `job(worker)` once for every worker in [0, size()) and returns when all are done. The calling thread also
  /// does the parts of workers that have not begun when its own is done. Allocates nothing. The first exception is
  /// rethrown here.
  void run(FunctionRef<void(int worker)> job);

  /// Calls `body(begin, end)` on disjoint ranges that cover [0, count): one contiguous range a worker, equal up to
  /// `grain`. The same count gives the same ranges in every call, each mostly on the same thread (so first touch and
  /// use meet).
  void parallel_for(std::size_t count, std::size_t grain, FunctionRef<void(std::size_t begin, std::size_t end)> body);

  /// As parallel_for, but workers take chunks of `grain` as they become free: for work of uneven size.
  void parallel_dynamic(std::size_t count, std::size_t grain,
                        FunctionRef<void(std::size_t begin, std::size_t end, int worker)> body);

 private:
  struct State;
  int size_;
  std::unique_ptr<State> state_;
};

}  // namespace skald
