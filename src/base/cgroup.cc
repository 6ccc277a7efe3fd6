#include "base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace skald {
namespace {

namespace fs = std::filesystem;

// "max" and other words are no number: no limit.
std::optional<std::int64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// The number behind `key` in a file of "key number" lines.
std::int64_t read_statistic(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

// The controllers of cgroup v1 have a hierarchy each; v2 has one for all.
struct MemoryFiles {
  const char *limit, *usage, *inactive_key;
};
constexpr MemoryFiles kMemoryV1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr MemoryFiles kMemoryV2 = {"memory.max", "memory.current", "inactive_file"};

void tighten_memory(CgroupLimits& limits, const fs::path& group, const MemoryFiles& names) {
  const auto limit = read_number(group / names.limit);
  const auto usage = read_number(group / names.usage);
  if (!limit || !usage || *limit < 0) return;
  const std::int64_t held = *usage - std::min(*usage, read_statistic(group / "memory.stat", names.inactive_key));
  const auto free = static_cast<std::uint64_t>(std::max<std::int64_t>(0, *limit - held));
  limits.free_memory = std::min(limits.free_memory.value_or(free), free);
}

void tighten_cpus(CgroupLimits& limits, std::optional<std::int64_t> quota, std::optional<std::int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  const double cpus = static_cast<double>(*quota) / static_cast<double>(*period);
  limits.cpus = std::min(limits.cpus.value_or(cpus), cpus);
}

void tighten_cpus_v2(CgroupLimits& limits, const fs::path& group) {
  std::ifstream file(group / "cpu.max");  // "200000 100000" or "max 100000"
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (file >> quota >> period) tighten_cpus(limits, quota, period);
}

// Calls visit(group) for the group and every one above it. Inside a container the path may be that of the host and not
// exist here: then only the mount point itself answers.
template <typename Visit>
void for_each_group(const fs::path& mount, std::string_view path, Visit visit) {
  fs::path relative = fs::path(path).relative_path();
  while (true) {
    visit(mount / relative);
    if (relative.empty()) return;
    relative = relative.parent_path();
  }
}

bool lists(std::string_view controllers, std::string_view wanted) {
  std::istringstream names{std::string(controllers)};
  std::string name;
  while (std::getline(names, name, ',')) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");  // lines of "hierarchy:controllers:path"
  std::string line;
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      for_each_group(mounts, path, [&](const fs::path& group) {
        tighten_memory(limits, group, kMemoryV2);
        tighten_cpus_v2(limits, group);
      });
    }
    if (lists(controllers, "memory")) {
      for_each_group(mounts / "memory", path, [&](const fs::path& group) { tighten_memory(limits, group, kMemoryV1); });
    }
    if (lists(controllers, "cpu")) {
      for_each_group(mounts / "cpu", path, [&](const fs::path& group) {
        tighten_cpus(limits, read_number(group / "cpu.cfs_quota_us"), read_number(group / "cpu.cfs_period_us"));
      });
    }
  }
  return limits;
}

}  // namespace skald
