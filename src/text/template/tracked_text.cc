#include "text/template/tracked_text.h"

#include <algorithm>

namespace skald::jinja {
namespace {

// The first range that ends after `at`.
auto range_at(const std::vector<TrackedText::Range>& ranges, std::size_t at) {
  return std::ranges::upper_bound(ranges, at, {}, &TrackedText::Range::second);
}

}  // namespace

TrackedText::TrackedText(std::string bytes, Origin origin) : bytes_(std::move(bytes)) {
  if (origin == Origin::from_caller) mark(0, bytes_.size());
}

Origin TrackedText::origin(std::size_t at) const {
  const auto range = range_at(from_caller_, at);
  return range != from_caller_.end() && range->first <= at ? Origin::from_caller : Origin::from_template;
}

TrackedText TrackedText::slice(std::size_t begin, std::size_t end) const {
  TrackedText out;
  if (begin < end) out.append(*this, begin, end);
  return out;
}

void TrackedText::append(std::string_view bytes, Origin origin) {
  const std::size_t begin = bytes_.size();
  bytes_ += bytes;
  if (origin == Origin::from_caller) mark(begin, bytes_.size());
}

void TrackedText::append(const TrackedText& other, std::size_t begin, std::size_t end) {
  const std::size_t at = bytes_.size();
  const std::size_t n_ranges = other.from_caller_.size();  // `other` may be this text
  bytes_.append(other.bytes_, begin, end - begin);
  auto i = static_cast<std::size_t>(range_at(other.from_caller_, begin) - other.from_caller_.begin());
  for (; i < n_ranges && other.from_caller_[i].first < end; ++i) {
    const Range range = other.from_caller_[i];
    mark(at + std::max(range.first, begin) - begin, at + std::min(range.second, end) - begin);
  }
}

void TrackedText::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!from_caller_.empty() && from_caller_.back().second == begin) {
    from_caller_.back().second = end;
  } else {
    from_caller_.emplace_back(begin, end);
  }
}

}  // namespace skald::jinja
