// Open-addressing hash maps for tables that are filled once and read often.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace skald::text {

/// Mixes all bits of `key` into all bits of the result (the finaliser of MurmurHash3).
inline std::uint64_t mix(std::uint64_t key) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccdULL;
  key ^= key >> 33;
  key *= 0xc4ceb9fe1a85ec53ULL;
  return key ^ key >> 33;
}

/// Hash of a short byte string, eight bytes at a time.
inline std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size() * 0x9e3779b97f4a7c15ULL;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = std::rotl((hash ^ word) * 0xff51afd7ed558ccdULL, 29);
  }
  std::uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  return mix(hash ^ tail);
}

/// 64-bit keys to values. The key ~0 cannot be stored.
template <typename Value>
class FlatMap {
 public:
  /// Room for `count` keys; must be called before the first insert.
  void reserve(std::size_t count) {
    slots_.assign(std::bit_ceil(count * 2 + 2), Slot{});
    mask_ = slots_.size() - 1;
  }
  /// False where the key is already there; its value then stays.
  bool insert(std::uint64_t key, const Value& value) {
    Slot& slot = slots_[index(key)];
    if (slot.key == key) return false;
    slot = {key, value};
    return true;
  }
  [[nodiscard]] const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[index(key)];
    return slot.key == key ? &slot.value : nullptr;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };
  [[nodiscard]] std::size_t index(std::uint64_t key) const {
    std::size_t i = mix(key) & mask_;
    while (slots_[i].key != key && slots_[i].key != kEmpty) i = (i + 1) & mask_;
    return i;
  }
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

/// Byte strings, which live elsewhere, to numbers. The map must be reserved before the first insert.
class StringMap {
 public:
  void reserve(std::size_t count) {
    slots_.assign(std::bit_ceil(count * 2 + 2), Slot{});
    mask_ = slots_.size() - 1;
  }
  /// False where the key is already there. `key` must outlive the map.
  bool insert(std::string_view key, std::int32_t value) {
    const auto hash = static_cast<std::uint32_t>(hash_bytes(key));
    Slot& slot = slots_[index(key, hash)];
    if (slot.value >= 0) return false;
    slot = {key.data(), static_cast<std::uint32_t>(key.size()), hash, value};
    return true;
  }
  /// -1 where the key is absent.
  [[nodiscard]] std::int32_t find(std::string_view key) const {
    if (slots_.empty()) return -1;
    return slots_[index(key, static_cast<std::uint32_t>(hash_bytes(key)))].value;
  }

 private:
  struct Slot {
    const char* data = nullptr;
    std::uint32_t size = 0;
    std::uint32_t hash = 0;
    std::int32_t value = -1;
  };
  [[nodiscard]] std::size_t index(std::string_view key, std::uint32_t hash) const {
    std::size_t i = hash & mask_;
    while (slots_[i].value >= 0 &&
           (slots_[i].hash != hash || std::string_view(slots_[i].data, slots_[i].size) != key)) {
      i = (i + 1) & mask_;
    }
    return i;
  }
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

}  // namespace skald::text
