// The checksum of ZIP archives: CRC-32 of ISO 3309, polynomial 0xEDB88320 (reflected).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skald {

/// The sum of what `so_far` is the sum of (0: of nothing), followed by `bytes`.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t so_far = 0);

}  // namespace skald
