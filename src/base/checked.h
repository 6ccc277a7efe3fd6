// Arithmetic on numbers that came from a file: it never wraps.
#pragma once

#include <concepts>
#include <optional>

namespace skald {

/// a + b, or nothing if the sum does not fit T.
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

/// a * b, or nothing if the product does not fit T.
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// Whether [begin, end) is ordered and lies inside [0, size).
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool range_within(T begin, T end, T size) {
  return begin <= end && end <= size;
}

}  // namespace skald
