#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cgroup.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr int kMaxThreads = 1024;
constexpr std::chrono::microseconds kSpinTime{50};

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Waits until `word` no longer holds `old`: spins for at most `spin`, then sleeps.
template <typename T>
void wait_for_change(const std::atomic<T>& word, T old, std::chrono::microseconds spin) {
  if (word.load(std::memory_order_acquire) != old) return;
  const auto end = std::chrono::steady_clock::now() + spin;
  while (spin.count() > 0 && std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 16; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause_cpu();
    }
  }
  word.wait(old, std::memory_order_acquire);
}

int affinity_count() {
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {
    cpu_set_t* const set = CPU_ALLOC(capacity);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;  // 0: the mask of this machine is larger than `capacity`
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Forks so far on the way to this process. Threads do not survive a fork, so a pool is only good where it was made.
std::atomic<unsigned>& fork_count() {
  static std::atomic<unsigned> count{0};
  static const int registered = pthread_atfork(nullptr, nullptr, [] { fork_count().fetch_add(1); });
  static_cast<void>(registered);
  return count;
}

// Signals are for the program's own threads: workers take none.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

int usable_cpu_count() {
  const int processors = affinity_count();
  const auto quota = read_cgroup_limits().cpus;
  return quota ? std::clamp(static_cast<int>(std::ceil(std::min(*quota, 1e6))), 1, processors) : processors;
}

struct ThreadPool::State {
  using Job = FunctionRef<void(int worker)>;

  std::vector<std::thread> threads;
  std::chrono::microseconds spin{0};
  unsigned forks = fork_count().load();
  std::atomic<bool> busy{false};

  // Part `worker` of a job belongs to who steps `claimed` to the job's generation: the worker, or the caller where the
  // worker has not come yet (it sleeps, or another process has its processor).
  struct alignas(64) Claim {
    std::atomic<std::uint32_t> generation{0};
  };

  // A job is published by writing `job` and `pending` and then stepping `generation`; it is done when `pending` is 0.
  // Only who has claimed a part of it reads `job`: a worker that comes late finds nothing to claim.
  const Job* job = nullptr;   // null asks the workers to end
  std::vector<Claim> claims;  // [threads]
  alignas(64) std::atomic<std::uint32_t> generation{0};
  alignas(64) std::atomic<std::uint32_t> pending{0};
  alignas(64) std::atomic<std::size_t> next_chunk{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;

  void publish(const Job* next) {
    job = next;
    pending.store(static_cast<std::uint32_t>(threads.size()), std::memory_order_relaxed);
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }

  void await() {
    for (std::uint32_t left = pending.load(std::memory_order_acquire); left != 0;
         left = pending.load(std::memory_order_acquire)) {
      wait_for_change(pending, left, spin);
    }
  }

  void perform(const Job& next, int worker) {
    try {
      next(worker);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  }

  bool claim(int worker, std::uint32_t current) {
    std::uint32_t before = current - 1;
    return claims[static_cast<std::size_t>(worker) - 1].generation.compare_exchange_strong(
        before, current, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  void work(int worker) {
    for (std::uint32_t seen = 0;;) {
      wait_for_change(generation, seen, spin);
      seen = generation.load(std::memory_order_acquire);
      if (!claim(worker, seen)) continue;
      const Job* const next = job;
      if (next == nullptr) return;
      perform(*next, worker);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
    }
  }

  // The parts of workers that have not come. On a loaded machine a worker may need milliseconds for that, which a
  // job of microseconds cannot wait for.
  void perform_unclaimed(const Job& current) {
    const std::uint32_t now = generation.load(std::memory_order_relaxed);
    for (int worker = 1; worker <= static_cast<int>(threads.size()); ++worker) {
      if (!claim(worker, now)) continue;
      perform(current, worker);
      pending.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  void stop() {
    if (fork_count().load() == forks) {
      publish(nullptr);
      for (std::thread& thread : threads) thread.join();
    } else {
      for (std::thread& thread : threads) thread.detach();  // they live in the parent process only
    }
  }
};

ThreadPool::ThreadPool(int n_threads) : size_(n_threads), state_(std::make_unique<State>()) {
  if (n_threads < 0 || n_threads > kMaxThreads) {
    throw OptionError(ErrorFields{.field = "--threads",
                                  .value = std::to_string(n_threads),
                                  .rule = "must be in [1, " + std::to_string(kMaxThreads) + "], or 0 to choose"});
  }
  const int usable = usable_cpu_count();
  if (size_ == 0) size_ = std::min(usable, kMaxThreads);
  if (size_ <= usable) state_->spin = kSpinTime;  // with fewer processors than workers, spinning only delays the others
  const BlockSignals blocked;
  try {
    state_->claims = std::vector<State::Claim>(static_cast<std::size_t>(size_) - 1);
    state_->threads.reserve(static_cast<std::size_t>(size_) - 1);
    for (int worker = 1; worker < size_; ++worker) {
      state_->threads.emplace_back([state = state_.get(), worker] { state->work(worker); });
      pthread_setname_np(state_->threads.back().native_handle(), ("skald-" + std::to_string(worker)).c_str());
    }
  } catch (const std::system_error& error) {
    state_->stop();
    throw LimitError(ErrorFields{.field = "--threads",
                                 .value = std::to_string(size_),
                                 .rule = std::string("the system cannot start so many threads: ") + error.what()});
  }
}

ThreadPool::~ThreadPool() { state_->stop(); }

void ThreadPool::run(FunctionRef<void(int worker)> job) {
  State& state = *state_;
  if (fork_count().load(std::memory_order_relaxed) != state.forks) {
    throw UsageError("not usable after fork(): load the model in the process that uses it");
  }
  if (state.busy.exchange(true, std::memory_order_acquire)) {
    throw UsageError("the thread pool is busy: it runs one job at a time, and none from inside a job");
  }
  state.failure = nullptr;
  if (!state.threads.empty()) state.publish(&job);
  state.perform(job, 0);
  state.perform_unclaimed(job);
  state.await();
  const std::exception_ptr failure = std::exchange(state.failure, nullptr);
  state.busy.store(false, std::memory_order_release);
  if (failure) std::rethrow_exception(failure);
}

void ThreadPool::parallel_for(std::size_t count, std::size_t grain,
                              FunctionRef<void(std::size_t begin, std::size_t end)> body) {
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t chunks = count / grain + (count % grain != 0 ? 1 : 0);
  if (chunks == 0) return;
  if (chunks == 1 || size_ == 1) return body(0, count);
  const auto workers = static_cast<std::size_t>(size_);
  const auto bound = [&](std::size_t worker) {
    const std::size_t chunk = chunks / workers * worker + chunks % workers * worker / workers;
    return worker == workers ? count : chunk * grain;
  };
  run([&](int worker) {
    const auto w = static_cast<std::size_t>(worker);
    if (bound(w) < bound(w + 1)) body(bound(w), bound(w + 1));
  });
}

void ThreadPool::parallel_dynamic(std::size_t count, std::size_t grain,
                                  FunctionRef<void(std::size_t begin, std::size_t end, int worker)> body) {
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t chunks = count / grain + (count % grain != 0 ? 1 : 0);
  if (chunks == 0) return;
  if (chunks == 1) return body(0, count, 0);
  std::atomic<std::size_t>& next = state_->next_chunk;
  next.store(0, std::memory_order_relaxed);
  run([&](int worker) {
    for (std::size_t chunk = next.fetch_add(1); chunk < chunks; chunk = next.fetch_add(1)) {
      try {
        body(chunk * grain, std::min(count - chunk * grain, grain) + chunk * grain, worker);
      } catch (...) {
        next.store(chunks);  // the others stop at their next chunk
        throw;
      }
    }
  });
}

}  // namespace skald
