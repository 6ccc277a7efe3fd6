// The limits that a container or service manager puts on this process: cgroup v1 and v2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace skald {

struct CgroupLimits {
  std::optional<std::uint64_t> free_memory;  // bytes still free under the tightest limit; reclaimable cache is free
  std::optional<double> cpus;                // the tightest quota, in processors
};

/// Limits of this process and of all the groups above it. `root` replaces "/" (for tests). Unreadable files set no
/// limit.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

}  // namespace skald
