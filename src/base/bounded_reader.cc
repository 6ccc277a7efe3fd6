#include "base/bounded_reader.h"

#include <algorithm>

namespace skald {
namespace {

constexpr std::uint64_t kWindow = std::uint64_t{64} << 10;

}  // namespace

void BoundedReader::fail(std::string_view field, std::string value, std::string rule) const {
  throw FormatError(ErrorFields{.file = file_,
                                .offset = offset(),
                                .field = std::string(field),
                                .value = std::move(value),
                                .rule = std::move(rule)});
}

std::span<const std::byte> BoundedReader::take(std::uint64_t n, std::string_view field) {
  if (n > remaining()) {
    fail(field, {},
         "needs " + std::to_string(n) + " bytes, the file ends after " + std::to_string(remaining()) +
             " (incomplete download?)");
  }
  if (source_ != nullptr && position_ - bytes_begin_ + n > bytes_.size()) load(n);
  const auto view = bytes_.subspan(position_ - bytes_begin_, n);
  position_ += n;
  return view;
}

// The next `n` bytes of the file, and more where there are.
void BoundedReader::load(std::uint64_t n) {
  window_.resize(std::min(remaining(), std::max(n, kWindow)));
  source_->read(position_, window_);
  bytes_ = window_;
  bytes_begin_ = position_;
}

std::string_view BoundedReader::take_text(std::uint64_t n, std::string_view field) {
  const auto view = take(n, field);
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

void BoundedReader::expect_room(std::uint64_t count, std::uint64_t min_item_size, std::string_view field) const {
  const std::uint64_t most = remaining() / min_item_size;
  if (count <= most) return;
  fail(field, std::to_string(count),
       "impossible: at most " + std::to_string(most) + " entries fit in the remaining " + std::to_string(remaining()) +
           " bytes (corrupt or hostile file; download it again)");
}

}  // namespace skald
