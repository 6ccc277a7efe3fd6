// Rules of Python's interpreter: who holds its lock, signals, objects that other threads let go of, and its end.
//
// Until Python 3.14 a thread that asks for the lock once the interpreter is going is ended there and then, which no C++
// code survives. So at exit (end_calls) all calls are ended first, and threads that come later are held for ever.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <utility>

#include "skald/waiting.h"

namespace skald::python {

namespace nb = nanobind;

/// Whether the interpreter is going and this thread is not the one that ends it.
bool is_over();

/// The interpreter's lock is free while it lives.
class Unlocked {
 public:
  Unlocked();
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

/// While one lives, this thread asks for the lock or has got it: the interpreter's end waits for that.
class Asking {
 public:
  Asking();
  ~Asking();
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
};

/// Runs `function` with the interpreter's lock; not at all once the interpreter is going.
template <class F>
void with_gil(F&& function) {
  const Asking asking;
  if (is_over()) return;
  const nb::gil_scoped_acquire lock;
  std::forward<F>(function)();
}

/// A T whose end does not hold the lock: the threads that it waits for may be asking for it.
template <class T>
class Owned final : public T {
 public:
  explicit Owned(T&& value) : T(std::move(value)) {}
  Owned(Owned&&) noexcept = default;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    const Unlocked unlocked;
    const T last(std::move(static_cast<T&>(*this)));
  }
};

/// A callable that threads without the lock may copy and let go of.
struct Held {
  nb::object object;
  explicit Held(nb::object o) : object(std::move(o)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    with_gil([this] { object.reset(); });
    (void)object.release();  // if it is still there, nobody is left who could free it
  }
};
inline std::shared_ptr<Held> keep(nb::object object) { return std::make_shared<Held>(std::move(object)); }

/// Throws what a signal's handler raised (KeyboardInterrupt). Needs the lock; does something on the main thread only.
inline void check_signals() {
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

/// The lock is free while it lives, and Ctrl-C ends what the thread waits for.
class Interruptible {
 private:
  Unlocked unlocked_;
  Waiting waiting_{[] { with_gil(check_signals); }};
};

/// Cancels the calls that are under way and lets none begin. For the interpreter's end.
void end_calls();

/// Waits until no thread is Unlocked or Asking, or for a second. The interpreter is going from now on.
void end_waiting();

}  // namespace skald::python
