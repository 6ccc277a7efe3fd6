// Text that knows which of its bytes come from messages and which from the template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skald::jinja {

/// Who wrote a byte: the template (its text, its literals, special tokens, numbers), or who called it (messages, tools,
/// documents, variables). A control token is read only where the template wrote it.
enum class Origin : std::uint8_t { from_template, from_caller };

/// UTF-8 bytes with their origin. Slicing and joining keep it, so every string operation that is made of these does.
class TrackedText {
 public:
  using Range = std::pair<std::size_t, std::size_t>;  // [begin, end) in bytes

  TrackedText() = default;
  explicit TrackedText(std::string bytes, Origin origin = Origin::from_template);

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::string_view view(std::size_t begin, std::size_t end) const {
    return std::string_view(bytes_).substr(begin, end - begin);
  }

  /// What the caller wrote: ascending, disjoint, not adjacent, none empty.
  [[nodiscard]] const std::vector<Range>& from_caller() const { return from_caller_; }
  [[nodiscard]] Origin origin(std::size_t at) const;

  [[nodiscard]] TrackedText slice(std::size_t begin, std::size_t end) const;
  void append(std::string_view bytes, Origin origin = Origin::from_template);
  void append(const TrackedText& other) { append(other, 0, other.size()); }
  void append(const TrackedText& other, std::size_t begin, std::size_t end);
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

 private:
  void mark(std::size_t begin, std::size_t end);

  std::string bytes_;
  std::vector<Range> from_caller_;
};

}  // namespace skald::jinja
