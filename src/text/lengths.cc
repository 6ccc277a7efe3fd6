#include "text/lengths.h"

#include <algorithm>

#include "skald/error.h"
#include "text/vocabulary.h"  // kMaxTokenId

namespace skald::text {
namespace {

constexpr std::int64_t kMaxLength = std::int64_t{1} << 30;
constexpr std::int64_t kMaxPadding = std::int64_t{1} << 24;

// Whether member "direction" says left.
bool is_left(const json::Fields& fields) {
  const std::string direction = fields.get_string("direction").value_or("Right");
  if (direction != "Left" && direction != "Right") fields.fail("direction", "must be Left or Right");
  return direction == "Left";
}

template <typename T>
void keep(std::vector<T>& items, std::size_t count, bool end) {
  const auto dropped = static_cast<std::ptrdiff_t>(items.size() - count);
  end ? items.erase(items.begin(), items.begin() + dropped) : items.erase(items.end() - dropped, items.end());
}

}  // namespace

std::optional<Truncation> read_truncation(const json::Fields& fields) {
  const auto settings = fields.get_object("truncation");
  if (!settings) return std::nullopt;
  const std::string strategy = settings->get_string("strategy").value_or("LongestFirst");
  if (strategy == "OnlySecond") {
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = settings->name("strategy"),
                                       .value = quoted(strategy),
                                       .rule = "there is no second text: known are LongestFirst and OnlyFirst"});
  }
  if (strategy != "LongestFirst" && strategy != "OnlyFirst") {
    settings->fail("strategy", "must be LongestFirst, OnlyFirst or OnlySecond");
  }
  static_cast<void>(settings->get_integer("stride", 0, kMaxLength));  // of the parts cut off, which are not kept
  return Truncation{.max_length = static_cast<std::size_t>(settings->need_integer("max_length", 0, kMaxLength)),
                    .keep_end = is_left(*settings)};
}

std::optional<Padding> read_padding(const json::Fields& fields) {
  const auto settings = fields.get_object("padding");
  if (!settings) return std::nullopt;
  Padding padding;
  padding.in_front = is_left(*settings);
  const json::Value* const strategy = settings->find("strategy");
  if (strategy != nullptr && strategy->is_object()) {
    const json::Fields fixed(*strategy, fields.file(), settings->name("strategy"));
    padding.length = static_cast<std::size_t>(fixed.need_integer("Fixed", 0, kMaxPadding));
  } else if (settings->get_string("strategy").value_or("BatchLongest") != "BatchLongest") {
    settings->fail("strategy", "must be BatchLongest or {\"Fixed\": length}");
  }
  const auto multiple = settings->get_integer("pad_to_multiple_of", 0, kMaxPadding).value_or(1);
  padding.multiple_of = static_cast<std::size_t>(std::max<std::int64_t>(multiple, 1));
  padding.id = static_cast<TokenId>(settings->get_integer("pad_id", 0, kMaxTokenId).value_or(0));
  return padding;
}

void truncate(const Truncation& truncation, std::size_t added, Encoding& encoding) {
  const std::size_t length = truncation.max_length - std::min(added, truncation.max_length);
  if (encoding.ids.size() <= length) return;
  keep(encoding.ids, length, truncation.keep_end);
  if (encoding.has_offsets) keep(encoding.offsets, length, truncation.keep_end);
}

void pad(const Padding& padding, Encoding& encoding) {
  const std::size_t size = encoding.ids.size();
  std::size_t length = padding.length.value_or(size);
  length = (length + padding.multiple_of - 1) / padding.multiple_of * padding.multiple_of;
  const std::size_t missing = std::max(length, size) - size;
  encoding.insert(padding.in_front ? 0 : size, std::vector<TokenId>(missing, padding.id));
}

}  // namespace skald::text
