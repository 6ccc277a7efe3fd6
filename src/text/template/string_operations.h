// What string methods and filters share.
#pragma once

#include <functional>

#include "text/template/builtins.h"
#include "text/template/characters.h"

namespace skald::jinja {

/// Without characters of `set` at the ends asked for; whitespace where `set` is null.
TrackedText stripped(const TrackedText& text, const TrackedText* set, bool left, bool right);
TrackedText cased(const TrackedText& text, Case to);
TrackedText capitalized(const TrackedText& text);
TrackedText replaced(Frame& frame, const TrackedText& text, const TrackedText& old, const TrackedText& replacement,
                     std::int64_t count);
/// Where to cut: between whitespace, or at each `separator`; at most `most` times (-1: all), from the left or from the
/// right.
struct Cuts {
  const TrackedText* separator = nullptr;
  std::int64_t most = -1;
  bool from_right = false;
};
/// The pieces. Fails where they are more than a list may have.
std::vector<TrackedText> split(Frame& frame, const TrackedText& text, const Cuts& cuts);
std::vector<TrackedText> split_lines(Frame& frame, const TrackedText& text, bool keep_ends);
/// `size` characters wide at least.
TrackedText justified(Frame& frame, const TrackedText& text, std::int64_t width, const TrackedText& fill, char align);
/// Begin of the n-th character; the end where there are fewer.
std::size_t byte_of(const TrackedText& text, std::size_t character);
/// Every character of a non-empty text passes.
bool all_characters(const TrackedText& text, const std::function<bool(char32_t)>& passes);
bool is_lower_text(const TrackedText& text);
bool is_upper_text(const TrackedText& text);

}  // namespace skald::jinja
