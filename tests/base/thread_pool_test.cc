#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/expect_error.h"

namespace skald {
namespace {

TEST(ThreadPool, RunsEveryWorkerOnceAJob) {
  for (const int n : {1, 2, 3, 8}) {
    ThreadPool pool(n);
    EXPECT_EQ(pool.size(), n);
    std::vector<std::atomic<int>> calls(static_cast<std::size_t>(n));
    for (int job = 0; job < 500; ++job) {
      pool.run([&](int worker) { ++calls[static_cast<std::size_t>(worker)]; });
      for (const auto& c : calls) ASSERT_EQ(c, job + 1);
    }
  }
}

TEST(ThreadPool, WorkOfOneJobIsSeenByTheNext) {
  ThreadPool pool(4);
  std::vector<int> plain(4);  // no atomics: the pool's own order must be enough
  for (int job = 0; job < 2000; ++job) {
    pool.run([&](int worker) { plain[static_cast<std::size_t>(worker + job) % 4] += 1; });
  }
  EXPECT_EQ(std::accumulate(plain.begin(), plain.end(), 0), 8000);
}

TEST(ThreadPool, SleepsBetweenJobs) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  for (int job = 0; job < 20; ++job) {
    pool.run([&](int) { ++calls; });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than the spin: the worker must be woken
  }
  EXPECT_EQ(calls, 40);
}

TEST(ThreadPool, TheCallerDoesThePartsOfWorkersThatDoNotCome) {
  ThreadPool pool(2);
  std::atomic<bool> worker_1_was_elsewhere{false};
  for (int job = 0; job < 200 && !worker_1_was_elsewhere; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // worker 1 sleeps: waking it takes longer than the job
    std::array<std::thread::id, 2> ran{};
    pool.run([&](int worker) { ran[static_cast<std::size_t>(worker)] = std::this_thread::get_id(); });
    ASSERT_NE(ran[1], std::thread::id());
    worker_1_was_elsewhere = ran[1] == ran[0];
  }
  EXPECT_TRUE(worker_1_was_elsewhere);
}

TEST(ThreadPool, ParallelForCoversTheRangeOnceAndAlwaysAlike) {
  ThreadPool pool(3);
  for (const std::size_t count : {0, 1, 2, 3, 7, 64, 1000, 1001}) {
    for (const std::size_t grain : {0, 1, 3, 16, 5000}) {
      std::vector<int> touched(count);
      std::vector<std::size_t> range_begin(count);
      for (int pass = 0; pass < 2; ++pass) {
        pool.parallel_for(count, grain, [&](std::size_t begin, std::size_t end) {
          ASSERT_LT(begin, end);
          for (std::size_t i = begin; i < end; ++i) {
            ++touched[i];
            if (pass == 1) {
              EXPECT_EQ(range_begin[i], begin);
            }
            range_begin[i] = begin;
          }
        });
      }
      for (const int t : touched) ASSERT_EQ(t, 2);
    }
  }
}

TEST(ThreadPool, ParallelDynamicCoversTheRangeOnce) {
  ThreadPool pool(3);
  for (const std::size_t count : {0, 1, 5, 1000}) {
    for (const std::size_t grain : {0, 1, 7, 5000}) {
      std::vector<std::atomic<int>> touched(count);
      pool.parallel_dynamic(count, grain, [&](std::size_t begin, std::size_t end, int worker) {
        ASSERT_GE(worker, 0);
        ASSERT_LT(worker, 3);
        for (std::size_t i = begin; i < end; ++i) ++touched[i];
      });
      for (const auto& t : touched) ASSERT_EQ(t, 1);
    }
  }
}

TEST(ThreadPool, RethrowsAndGoesOn) {
  ThreadPool pool(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    EXPECT_THROW(pool.run([&](int worker) {
      if (worker == thrower) throw std::out_of_range("x");
    }),
                 std::out_of_range);
  }
  EXPECT_THROW(pool.run([](int) { throw std::out_of_range("all"); }), std::out_of_range);
  std::atomic<int> chunks{0};
  EXPECT_THROW(pool.parallel_dynamic(1000000, 1,
                                     [&](std::size_t begin, std::size_t, int) {
                                       ++chunks;
                                       if (begin == 10) throw std::out_of_range("x");
                                     }),
               std::out_of_range);
  EXPECT_LT(chunks, 1000000);
  std::atomic<int> calls{0};
  pool.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 3);
}

TEST(ThreadPool, RefusesToBeEnteredFromAJob) {
  ThreadPool pool(2);
  test::expect_error<UsageError>([&] { pool.run([&](int) { pool.run([](int) {}); }); }, "one job at a time");
}

TEST(ThreadPool, RefusesImpossibleCounts) {
  test::expect_error<OptionError>([] { ThreadPool pool(-1); }, "--threads = -1: must be in [1, 1024]");
  test::expect_error<OptionError>([] { ThreadPool pool(1025); }, "--threads = 1025");
  EXPECT_EQ(ThreadPool().size(), usable_cpu_count());
}

TEST(ThreadPool, SaysSoAfterFork) {
  ThreadPool pool(2);
  pool.run([](int) {});
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      pool.run([](int) {});
    } catch (const UsageError&) {
      code = 0;
    }
    _exit(code);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::atomic<int> calls{0};
  pool.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace skald
