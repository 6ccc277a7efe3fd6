#include "base/cpu_features.h"

#include <array>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace skald {
namespace {

constexpr std::array<std::pair<CpuFeature, const char*>, 7> kNames = {{
    {CpuFeature::avx2, "avx2"},
    {CpuFeature::avx512, "avx512"},
    {CpuFeature::avx512_vnni, "avx512_vnni"},
    {CpuFeature::avx512_bf16, "avx512_bf16"},
    {CpuFeature::amx_tile, "amx_tile"},
    {CpuFeature::amx_bf16, "amx_bf16"},
    {CpuFeature::amx_int8, "amx_int8"},
}};

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves zeros where there is no such leaf
  return r;
}

constexpr bool all_of(std::uint64_t value, std::initializer_list<int> bits) {
  for (const int bit : bits) {
    if ((value >> bit & 1) == 0) return false;
  }
  return true;
}

// XCR0: which register states the operating system saves. Only valid where CPUID reports OSXSAVE.
std::uint64_t read_xcr0() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<std::uint64_t>(high) << 32 | low;
}

// Linux hands out the 8 KiB of tile data only to a process that asks for it.
bool ask_for_amx() {
#if defined(__linux__)
  constexpr long kReqXcompPerm = 0x1023;
  constexpr long kXtileData = 18;
  return syscall(SYS_arch_prctl, kReqXcompPerm, kXtileData) == 0;
#else
  return false;
#endif
}

CpuFeatures detect() {
  CpuFeatures found;
  const Registers one = cpuid(1);
  const Registers seven = cpuid(7);
  if (!all_of(one.ecx, {27})) return found;  // OSXSAVE
  const std::uint64_t xcr0 = read_xcr0();
  const bool ymm = all_of(xcr0, {1, 2});
  const bool zmm = ymm && all_of(xcr0, {5, 6, 7});
  const bool tiles = all_of(xcr0, {17, 18});
  if (ymm && all_of(one.ecx, {12, 29}) && all_of(seven.ebx, {5})) found.add(CpuFeature::avx2);
  if (zmm && found.has({CpuFeature::avx2}) && all_of(seven.ebx, {16, 17, 28, 30, 31})) {
    found.add(CpuFeature::avx512);
    if (all_of(seven.ecx, {1, 11})) found.add(CpuFeature::avx512_vnni);
    if (all_of(cpuid(7, 1).eax, {5})) found.add(CpuFeature::avx512_bf16);
  }
  if (tiles && all_of(seven.edx, {24}) && ask_for_amx()) {
    found.add(CpuFeature::amx_tile);
    if (all_of(seven.edx, {22})) found.add(CpuFeature::amx_bf16);
    if (all_of(seven.edx, {25})) found.add(CpuFeature::amx_int8);
  }
  return found;
}

#else

CpuFeatures detect() { return {}; }

#endif

}  // namespace

std::string CpuFeatures::to_string() const {
  std::string out;
  for (const auto& [feature, name] : kNames) {
    if (!has({feature})) continue;
    if (!out.empty()) out += ' ';
    out += name;
  }
  return out;
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string cpu_name() {
#if defined(__x86_64__)
  std::string name;
  for (unsigned leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const Registers r = cpuid(leaf);
    for (const unsigned word : {r.eax, r.ebx, r.ecx, r.edx}) {
      for (int shift = 0; shift < 32; shift += 8) name += static_cast<char>(word >> shift & 0xff);
    }
  }
  name = name.substr(0, name.find('\0'));
  const std::size_t first = name.find_first_not_of(' ');
  const std::size_t last = name.find_last_not_of(' ');
  if (first != std::string::npos) return name.substr(first, last - first + 1);
#endif
  return "unknown";
}

}  // namespace skald
