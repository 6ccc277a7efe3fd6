#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/buffer.h"
#include "base/cgroup.h"
#include "base/cpu_features.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

TEST(Buffer, IsAlignedAndZero) {
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{4097}, std::size_t{1} << 20, (std::size_t{5} << 20) + 3}) {
    Buffer buffer(bytes);
    ASSERT_EQ(buffer.size(), bytes);
    const std::size_t alignment = bytes >= 1 << 20 ? 2 << 20 : 64;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment, 0U);
    const auto all = buffer.as<std::byte>();
    EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::byte b) { return b == std::byte{0}; }));
    all.back() = std::byte{1};
    Buffer moved(std::move(buffer));
    EXPECT_EQ(moved.as<std::byte>().back(), std::byte{1});
  }
  EXPECT_EQ(Buffer(0).data(), nullptr);
}

TEST(Buffer, RefusesWhatTheMachineCannotGive) {
  test::expect_error<LimitError>([] { return Buffer(std::size_t{1} << 60).size(); }, "out of memory");
  test::expect_error<LimitError>([] { return Buffer(std::numeric_limits<std::size_t>::max()).size(); },
                                 "out of memory");
}

TEST(Memory, IsReported) {
  EXPECT_GT(available_memory(), std::size_t{1} << 20);
  EXPECT_GT(peak_resident_memory(), std::size_t{1} << 20);
  EXPECT_LT(peak_resident_memory(), std::size_t{1} << 40);
}

TEST(Cgroup, ReadsVersion2WithTheGroupsAbove) {
  const test::TempDir root;
  (void)root.write("proc/self/cgroup", "0::/a/b\n");
  (void)root.write("sys/fs/cgroup/a/b/memory.max", "max\n");
  (void)root.write("sys/fs/cgroup/a/b/memory.current", "100\n");
  (void)root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_FALSE(read_cgroup_limits(root.path()).free_memory);
  EXPECT_FALSE(read_cgroup_limits(root.path()).cpus);
  (void)root.write("sys/fs/cgroup/a/memory.max", "1000\n");
  (void)root.write("sys/fs/cgroup/a/memory.current", "900\n");
  (void)root.write("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 300\n");
  (void)root.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(read_cgroup_limits(root.path()).free_memory, 400U);
  EXPECT_EQ(read_cgroup_limits(root.path()).cpus, 1.5);
}

TEST(Cgroup, ReadsVersion1AlsoWhereThePathIsTheHosts) {
  const test::TempDir root;
  (void)root.write("proc/self/cgroup", "4:memory:/docker/123\n2:cpu,cpuacct:/docker/123\n0::/\n");
  (void)root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  (void)root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1200\n");
  (void)root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  (void)root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read_cgroup_limits(root.path()).free_memory, 0U);
  EXPECT_FALSE(read_cgroup_limits(root.path()).cpus);
  (void)root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(read_cgroup_limits(root.path()).cpus, 0.5);
}

TEST(CpuFeatures, AreStableAndOrdered) {
  EXPECT_EQ(&cpu_features(), &cpu_features());
  const CpuFeatures& f = cpu_features();
  if (f.has({CpuFeature::avx512_vnni})) {
    EXPECT_TRUE(f.has({CpuFeature::avx512, CpuFeature::avx2}));
  }
  EXPECT_EQ((CpuFeatures{CpuFeature::avx2, CpuFeature::amx_int8}).to_string(), "avx2 amx_int8");
  EXPECT_EQ(CpuFeatures{}.to_string(), "");
  EXPECT_FALSE(cpu_name().empty());
}

}  // namespace
}  // namespace skald
