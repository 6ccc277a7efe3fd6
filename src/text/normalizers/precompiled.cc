#include "text/grapheme.h"
#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr std::size_t kLongCluster = 6;  // bytes: such a cluster is not looked up as a whole

// Writes a text of which each character replaces one of `in`, in order, or is added to the one before: how `tokenizers`
// keeps places. A character is written when it is known what is dropped behind it.
class ChangeWriter {
 public:
  ChangeWriter(const Piece& in, AlignedText& out) : in_(in), out_(out) {}
  ~ChangeWriter() { flush(); }
  ChangeWriter(const ChangeWriter&) = delete;
  ChangeWriter& operator=(const ChangeWriter&) = delete;

  void keep(char32_t c) { push(c, 0); }

  /// `text` stands in the place of `count` characters.
  void replace(std::ptrdiff_t count, std::string_view text) {
    std::ptrdiff_t left = 0;
    for_each_char(text, [&](char32_t, std::size_t, std::size_t) { ++left; });
    const std::ptrdiff_t added = left - count;
    for_each_char(text, [&](char32_t c, std::size_t, std::size_t) { push(c, left-- <= added ? 1 : 0); });
    if (added < 0 && pending_) change_ += added;
  }

 private:
  void push(char32_t c, std::ptrdiff_t change) {
    flush();
    pending_ = true;
    character_ = c;
    change_ = change;
  }

  void flush() {
    if (!pending_) return;
    pending_ = false;
    if (change_ > 0) return out_.append(character_, last_);
    for (std::ptrdiff_t i = 0; i <= -change_; ++i) {
      if (next_ == in_.text.size()) break;
      const std::size_t end = next_ + char_length(in_.text[next_]);
      if (i == 0) first_ = in_.origin(next_, end);
      last_ = in_.origin(next_, end);
      next_ = end;
    }
    out_.append(character_, first_);
  }

  const Piece& in_;
  AlignedText& out_;
  bool pending_ = false;
  char32_t character_ = 0;
  std::ptrdiff_t change_ = 0;
  std::size_t next_ = 0;    // of `in`: the first byte that nothing stands for yet
  ByteRange first_, last_;  // places of the last character replaced, and of the last one used up
};

}  // namespace

bool Precompiled::normalize(const Piece& in, AlignedText& out) const {
  bool changed = false;
  ChangeWriter writer(in, out);
  const auto replaced = [&](std::string_view text, std::ptrdiff_t count) {
    const auto rule = charsmap_.shortest(text);
    if (!rule) return false;
    writer.replace(count, rule->text);
    return changed = true;
  };
  for (std::size_t at = 0; at < in.text.size();) {
    const std::size_t end = cluster_end(in.text, at);
    const std::string_view cluster = in.text.substr(at, end - at);
    std::ptrdiff_t count = 0;
    for_each_char(cluster, [&](char32_t, std::size_t, std::size_t) { ++count; });
    if (cluster.size() >= kLongCluster || !replaced(cluster, count)) {
      for_each_char(cluster, [&](char32_t c, std::size_t from, std::size_t to) {
        if (!replaced(cluster.substr(from, to - from), 1)) writer.keep(c);
      });
    }
    at = end;
  }
  return changed;
}

}  // namespace skald::text
