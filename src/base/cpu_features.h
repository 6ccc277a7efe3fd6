// What this CPU and this operating system let us use.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace skald {

/// One bit a feature, as needed by the kernel tables.
enum class CpuFeature : std::uint32_t {
  avx2 = 1U << 0,         // with FMA and F16C
  avx512 = 1U << 1,       // F, BW, DQ, VL, CD
  avx512_vnni = 1U << 2,  // with VBMI
  avx512_bf16 = 1U << 3,
  amx_tile = 1U << 4,  // tile state, with the kernel's permission granted to this process
  amx_bf16 = 1U << 5,
  amx_int8 = 1U << 6,
};

/// A set of features.
class CpuFeatures {
 public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(std::initializer_list<CpuFeature> features) {
    for (const auto feature : features) bits_ |= static_cast<std::uint32_t>(feature);
  }
  constexpr void add(CpuFeature feature) { bits_ |= static_cast<std::uint32_t>(feature); }
  [[nodiscard]] constexpr bool has(CpuFeatures wanted) const { return (bits_ & wanted.bits_) == wanted.bits_; }
  /// Those that `other` lacks.
  [[nodiscard]] constexpr CpuFeatures without(CpuFeatures other) const {
    CpuFeatures rest;
    rest.bits_ = bits_ & ~other.bits_;
    return rest;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] std::string to_string() const;  // "avx2 avx512 avx512_bf16"

 private:
  std::uint32_t bits_ = 0;
};

/// Features that CPUID reports, XCR0 enables and, for AMX, the kernel has granted (arch_prctl ARCH_REQ_XCOMP_PERM is
/// asked for on the first call). The same in every call.
const CpuFeatures& cpu_features();

/// "AMD EPYC 9B45" from CPUID; "unknown" elsewhere.
std::string cpu_name();

}  // namespace skald
