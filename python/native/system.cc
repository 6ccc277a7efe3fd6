// Version, machine, log.
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <utility>

#include "bindings.h"
#include "interpreter.h"
#include "skald/skald.h"

namespace skald::python {
namespace {

nb::dict system_dict() {
  const SystemInfo info = system_info();
  nb::dict d;
  d["version"] = version();
  d["cpu"] = info.cpu;
  d["cpu_features"] = info.cpu_features;
  d["kernel_tables"] = info.kernel_tables;
  d["kernel_table"] = info.kernel_table;
  d["threads"] = info.threads;
  d["memory_available"] = info.memory_available;
  return d;
}

// Lines of the log until Python takes them: they come from threads that must not wait for the interpreter's lock.
struct LogLines {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> waiting;  // level, line
};
LogLines& log_lines() {
  static LogLines* const lines = new LogLines;  // threads may write until the process ends
  return *lines;
}

void collect_log() {
  set_log_sink([](LogLevel level, std::string_view line) {
    const std::lock_guard lock(log_lines().mutex);
    log_lines().waiting.emplace_back(level == LogLevel::warning ? "warning" : "info", line);
  });
}

std::vector<std::pair<std::string, std::string>> take_log() {
  const std::lock_guard lock(log_lines().mutex);
  return std::exchange(log_lines().waiting, {});
}

}  // namespace

void bind_system(nb::module_& m) {
  m.def("version", &version);
  m.def("system_info", &system_dict, nb::sig("def system_info() -> dict[str, typing.Any]"),
        "What `skald info` tells: version, processor, kernel table, threads, memory.");
  m.def("peak_memory", &peak_memory, "Peak resident memory of this process, in bytes.");
  collect_log();
  m.def("take_log", &take_log, "Lines of the log since the last call: (\"info\" or \"warning\", text).");
  m.def("end", &end_calls, "Ends all calls that are under way, for good: the interpreter is going.");
}

}  // namespace skald::python
