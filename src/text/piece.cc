#include "text/piece.h"

#include "base/utf8.h"
#include "text/utf8_walk.h"

namespace skald::text {

void AlignedText::append(char32_t character, ByteRange origin) {
  const std::size_t before = text_.size();
  append_utf8(text_, character);
  origins_.insert(origins_.end(), text_.size() - before, origin);
}

void AlignedText::append(const Piece& piece, std::size_t begin, std::size_t end) {
  text_ += piece.text.substr(begin, end - begin);
  if (piece.origins != nullptr) {
    origins_.insert(origins_.end(), piece.origins + begin, piece.origins + end);
    return;
  }
  const auto base = piece.base + static_cast<std::uint32_t>(begin);
  for_each_char(piece.text.substr(begin, end - begin), [&](char32_t, std::size_t from, std::size_t to) {
    origins_.insert(origins_.end(), to - from,
                    {base + static_cast<std::uint32_t>(from), base + static_cast<std::uint32_t>(to)});
  });
}

}  // namespace skald::text
