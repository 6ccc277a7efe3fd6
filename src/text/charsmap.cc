#include "text/charsmap.h"

#include <span>

#include "base/base64.h"
#include "base/bounded_reader.h"
#include "base/utf8.h"

namespace skald::text {
namespace {

// One unit of darts-clone's double array.
struct Unit {
  std::uint32_t bits;
  [[nodiscard]] bool has_leaf() const { return (bits >> 8 & 1) != 0; }
  [[nodiscard]] std::uint32_t value() const { return bits & 0x7fffffffU; }
  [[nodiscard]] std::uint32_t label() const { return bits & 0x800000ffU; }
  [[nodiscard]] std::uint32_t offset() const { return bits >> 10 << ((bits & 0x200U) >> 6); }
};

}  // namespace

Charsmap::Charsmap(std::string_view blob, const std::string& file, const std::string& field) {
  BoundedReader reader(file, std::as_bytes(std::span(blob)));
  const auto size = reader.read<std::uint32_t>(field);
  if (size % 4 != 0 || size == 0) reader.fail(field, std::to_string(size), "bytes of its trie must be a multiple of 4");
  reader.expect_room(size, 1, field);
  units_.reserve(size / 4);
  for (std::uint32_t i = 0; i < size / 4; ++i) units_.push_back(reader.read<std::uint32_t>(field));
  texts_ = reader.take_text(reader.remaining(), field);
  if (!texts_.empty() && texts_.back() != '\0') reader.fail(field, {}, "its texts must end with a NUL");
  if (first_invalid_utf8(texts_) != texts_.size()) reader.fail(field, {}, "its texts must be UTF-8");
}

std::optional<Charsmap::Rule> Charsmap::find(std::string_view text, bool first) const {
  std::optional<Rule> found;
  if (units_.empty()) return found;
  std::uint32_t node = Unit{units_[0]}.offset();
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= units_.size()) break;
    const Unit unit{units_[node]};
    if (unit.label() != byte) break;
    node ^= unit.offset();
    if (!unit.has_leaf() || node >= units_.size()) continue;
    const std::uint32_t place = Unit{units_[node]}.value();
    // A rule for, or to, part of a character would make text that is no UTF-8.
    const auto is_inside = [](std::string_view bytes, std::size_t at) {
      return at < bytes.size() && (bytes[at] & 0xc0) == 0x80;
    };
    if (place >= texts_.size() || is_inside(texts_, place) || is_inside(text, i + 1)) continue;
    found = Rule{i + 1, texts_.data() + place};
    if (first) break;
  }
  return found;
}

Charsmap read_charsmap(const json::Fields& fields) {
  constexpr const char* kKey = "precompiled_charsmap";
  const auto text = fields.get_string(kKey);
  if (!text || text->empty()) return {};
  const auto blob = decode_base64(*text);
  if (!blob) fields.fail(kKey, "must be base64");
  return {*blob, fields.file(), fields.name(kKey)};
}

}  // namespace skald::text
