// Digits in groups of three from the right. A regex looks ahead to the end of the digits at every group; here they are
// counted once.
#include "text/scanners/known.h"
#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

struct Kind {
  std::uint32_t categories = bit(kNd);
  bool before_words = true;  // also where a word character follows the digits
  bool places = false;       // empty matches before the groups of three
};

class Thousands final : public Pattern {
 public:
  explicit Thousands(Kind kind) : kind_(kind) {}

  void find(std::string_view text, MatchSink sink) const override {
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at, count = 0;
      for (; end < text.size() && in_categories(code_point(text, end), kind_.categories); ++count) {
        end += char_length(text[end]);
      }
      if (count == 0) {
        at += char_length(text[at]);
        continue;
      }
      const bool before_word = end < text.size() && has_flag(code_point(text, end), kIsWord);
      if (kind_.before_words || !before_word) put_groups(text, at, count, sink);
      at = end;
    }
  }

 private:
  static char32_t code_point(std::string_view text, std::size_t at) {
    return char_at(text.data() + at, char_length(text[at]));
  }

  void put_groups(std::string_view text, std::size_t at, std::size_t count, MatchSink sink) const {
    for (std::size_t left = count; left > 0;) {
      const std::size_t size = left % 3 == 0 ? 3 : left % 3;
      const std::size_t begin = at;
      for (std::size_t i = 0; i < size; ++i) at += char_length(text[at]);
      if (!kind_.places) sink(begin, at);
      if (kind_.places && size == 3) sink(begin, begin);
      left -= size;
    }
  }

  Kind kind_;
};

}  // namespace

std::unique_ptr<Pattern> make_thousands_scanner(std::string_view regex) {
  if (regex == kThousandsPattern) return std::make_unique<Thousands>(Kind{.before_words = false});
  if (regex == kNumberThousandsPattern) return std::make_unique<Thousands>(Kind{.categories = kNumbers});
  if (regex == kBeforeThousandsPattern) return std::make_unique<Thousands>(Kind{.places = true});
  return nullptr;
}

}  // namespace skald::text
