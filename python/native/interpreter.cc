#include "interpreter.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace skald::python {
namespace {

constexpr int kPatience = 1000;  // milliseconds

std::atomic<int> unlocked_threads{0};
std::atomic<bool> over{false};
std::atomic<std::thread::id> ending_thread;

}  // namespace

bool is_over() { return !nb::is_alive() || (over && ending_thread.load() != std::this_thread::get_id()); }

Unlocked::Unlocked() : state_(PyEval_SaveThread()) { ++unlocked_threads; }

Unlocked::~Unlocked() {
  while (is_over()) pause();
  PyEval_RestoreThread(state_);
  --unlocked_threads;
}

void end_waiting() {
  ending_thread = std::this_thread::get_id();
  PyThreadState* const state = PyEval_SaveThread();
  for (int i = 0; i < kPatience && unlocked_threads > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  over = true;
  PyEval_RestoreThread(state);
}

}  // namespace skald::python
