#include "interpreter.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace skald::python {
namespace {

constexpr int kPatience = 1000;  // milliseconds

std::atomic<int> unlocked_threads{0};
std::atomic<int> asking_threads{0};
std::atomic<bool> over{false};
std::atomic<std::thread::id> ending_thread;

}  // namespace

bool is_over() { return !nb::is_alive() || (over && ending_thread.load() != std::this_thread::get_id()); }

Unlocked::Unlocked() : state_(PyEval_SaveThread()) { ++unlocked_threads; }

Unlocked::~Unlocked() {
  {
    const Asking asking;
    if (!is_over()) {
      PyEval_RestoreThread(state_);
      --unlocked_threads;
      return;
    }
  }
  for (;;) pause();
}

Asking::Asking() { ++asking_threads; }
Asking::~Asking() { --asking_threads; }

void end_waiting() {
  const auto wait_while = [](const auto& some) {
    for (int i = 0; i < kPatience && some(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  ending_thread = std::this_thread::get_id();
  PyThreadState* const state = PyEval_SaveThread();
  wait_while([] { return unlocked_threads > 0 || asking_threads > 0; });
  over = true;
  wait_while([] { return asking_threads > 0; });  // they asked before
  PyEval_RestoreThread(state);
}

}  // namespace skald::python
