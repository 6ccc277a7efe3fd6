// The program and the machine: version, instruction sets, threads, memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "skald/export.h"

namespace skald {

/// "0.1.0"
SKALD_API const char* version();

struct SystemInfo {
  std::string cpu;                         // "AMD EPYC 9B45"
  std::string cpu_features;                // "avx2 avx512 avx512_bf16"
  std::vector<std::string> kernel_tables;  // that this machine can run, best first
  std::string kernel_table;                // in use
  int threads = 0;                         // processors that this process may use
  std::size_t memory_available = 0;        // bytes
};
SKALD_API SystemInfo system_info();

/// Bytes per second that `threads` threads read from memory (a few tenths of a second of measuring).
SKALD_API double measure_memory_bandwidth(int threads);

/// Peak resident memory of this process, in bytes.
SKALD_API std::size_t peak_memory();

}  // namespace skald
