// Known split patterns as hand-written scanners: linear, and many times faster than a regex engine. Each is tested to
// give what its regex gives.
#include <bit>

#include "text/pattern.h"
#include "text/scanners/char_class.h"
#include "text/scanners/known.h"

namespace skald::text {
namespace {

using namespace scan;

// A rule gives the end of the match at `at`, or `at` where there is none.
using Rule = std::size_t (*)(const Reader& text, std::size_t at);

std::size_t gpt2(const Reader& text, std::size_t at) {
  if (const std::size_t end = match_contraction(text, at, /*caseless=*/false); end > at) return end;
  const std::size_t begin = text.byte(at) == ' ' ? at + 1 : at;
  for (const Class run : {kLetter, kNumber, kOther}) {
    if (text.at(begin).is(run)) return text.skip(begin, run);
  }
  return match_spaces(text, at);
}

// [^\r\n\p{L}\p{N}]?\p{L}+
std::size_t match_word(const Reader& text, std::size_t at) {
  const Char first = text.at(at);
  if (first.is(kLetter)) return text.skip(at + first.length, kLetter);
  if (first.is(kNumber | kNewline)) return at;
  const std::size_t begin = at + first.length;
  const std::size_t end = text.skip(begin, kLetter);
  return end > begin ? end : at;
}

// llama 3's pattern but for its whitespace.
template <int digits>
std::size_t llama3_word(const Reader& text, std::size_t at) {
  if (const std::size_t end = match_contraction(text, at, /*caseless=*/true); end > at) return end;
  if (const std::size_t end = match_word(text, at); end > at) return end;
  if (const std::size_t end = match_numbers(text, at, digits); end > at) return end;
  return match_symbols(text, at, kOther, /*slash=*/false);
}

template <int digits>
std::size_t llama3(const Reader& text, std::size_t at) {
  const std::size_t end = llama3_word<digits>(text, at);
  return end > at ? end : match_lines(text, at);
}

// U*W+ at `at`, with U upper-like and W lower-like. The greedy U* gives back up to the last character that is in both.
std::size_t match_upper_lower(const Reader& text, std::size_t at) {
  std::size_t end = at, last_both = at;
  for (Char c = text.at(end); c.is(kUpperLike); c = text.at(end)) {
    end += c.length;
    if (c.is(kLowerLike)) last_both = end;
  }
  const std::size_t lower = text.skip(end, kLowerLike);
  return lower > end ? lower : last_both;
}

// The words of o200k, which begin a new one at an upper-case letter: A?U*W+|A?U+W* with A = [^\r\n\p{L}\p{N}].
std::size_t match_cased_word(const Reader& text, std::size_t at) {
  const Char first = text.at(at);
  const bool has_prefix = first.length > 0 && !first.is(kLetter | kNumber | kNewline);
  const std::size_t begin = has_prefix ? at + first.length : at;
  if (const std::size_t end = match_upper_lower(text, begin); end > begin) return end;
  if (has_prefix) {  // a mark is a prefix, but also a word by itself
    if (const std::size_t end = match_upper_lower(text, at); end > at) return end;
  }
  const std::size_t upper = text.skip(begin, kUpperLike);
  return upper > begin ? upper : at;
}

template <int digits, bool contractions>
std::size_t o200k(const Reader& text, std::size_t at) {
  if (const std::size_t end = match_cased_word(text, at); end > at) {
    return contractions ? match_contraction(text, end, /*caseless=*/true) : end;
  }
  if (const std::size_t end = match_numbers(text, at, digits); end > at) return end;
  if (const std::size_t end = match_symbols(text, at, kOther, /*slash=*/true); end > at) return end;
  return match_lines(text, at);
}

bool is_ascii_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::size_t deepseek3(const Reader& text, std::size_t at) {
  const Char first = text.at(at);
  if (first.length == 1 && first.is(kPunctOrSymbol) && is_ascii_letter(text.byte(at + 1))) {
    std::size_t end = at + 2;
    while (is_ascii_letter(text.byte(end))) ++end;
    return end;
  }
  // [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
  constexpr Class kWordChar = kLetter | kMark;
  if (first.is(kWordChar)) return text.skip(at, kWordChar);
  if (!first.is(kNewline | kPunctOrSymbol)) {
    const std::size_t begin = at + first.length;
    const std::size_t end = text.skip(begin, kWordChar);
    if (end > begin) return end;
  }
  if (const std::size_t end = match_symbols(text, at, kPunctOrSymbol, /*slash=*/false); end > at) return end;
  return match_lines(text, at);
}

std::size_t numbers3(const Reader& text, std::size_t at) { return match_numbers(text, at, 3); }
class ScannerPattern final : public Pattern {
 public:
  explicit ScannerPattern(Rule rule) : rule_(rule) {}
  void find(std::string_view text, MatchSink sink) const override {
    const Reader reader(text);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = rule_(reader, at);
      if (end > at) sink(at, end);
      at = end > at ? end : at + char_length(text[at]);
    }
  }

 private:
  Rule rule_;
};

// \s+$: whitespace up to the end of the text or of its last line.
class TrailingSpaces final : public Pattern {
 public:
  void find(std::string_view text, MatchSink sink) const override {
    const Reader reader(text);
    for (std::size_t at = 0; at < text.size(); at += reader.at(at).length) {
      const std::size_t run = reader.skip(at, kSpace) - at;
      if (run == 0) continue;
      const bool at_end = at + run == text.size();
      const std::size_t line = text.substr(at, run).rfind('\n');
      if (at_end) sink(at, text.size());
      if (at_end) return;
      if (line != std::string_view::npos && line > 0) sink(at, at + line);
      at += run;
    }
  }
};

// Whitespace up to its last line break, or in powers of two. A regex looks for the line break through all of the
// whitespace at each of them; here that is looked up once.
class Jais2 final : public Pattern {
 public:
  void find(std::string_view text, MatchSink sink) const override {
    const Reader reader(text);
    std::size_t run_end = 0, lines_end = 0;  // of the whitespace around `at`, and behind its last line break
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = llama3_word<3>(reader, at);
      if (end == at && at >= run_end) {
        run_end = reader.skip(at, kSpace);
        const std::size_t last = text.substr(at, run_end - at).find_last_of("\r\n");
        lines_end = last == std::string_view::npos ? at : at + last + 1;
      }
      if (end == at && at < run_end) end = lines_end > at ? lines_end : power_of_two(reader, at);
      if (end > at) sink(at, end);
      at = end > at ? end : at + char_length(text[at]);
    }
  }

 private:
  // \s{512}(?!\S)|\s{256}(?!\S)| ... |\s{1,2}(?!\S)|\s{1}
  static std::size_t power_of_two(const Reader& text, std::size_t at) {
    std::size_t end = at + text.at(at).length, place = at;
    for (unsigned count = 1; count <= 512 && text.at(place).is(kSpace); ++count) {
      place += text.at(place).length;
      if (std::has_single_bit(count) && (place == text.size() || text.at(place).is(kSpace))) end = place;
    }
    return end;
  }
};

struct KnownPattern {
  std::string_view regex;
  Rule rule;
};
constexpr KnownPattern kKnown[] = {
    {kGpt2Pattern, gpt2},         {kGpt2ShortPattern, gpt2},       {kLlama3Pattern, llama3<3>},
    {kQwen2Pattern, llama3<1>},   {kO200kPattern, o200k<3, true>}, {kTekkenPattern, o200k<1, false>},
    {kNumbers3Pattern, numbers3}, {kDeepSeek3Pattern, deepseek3},
};

}  // namespace

std::unique_ptr<Pattern> make_scanner(std::string_view regex) {
  if (regex == kTrailingSpacesPattern) return std::make_unique<TrailingSpaces>();
  if (regex == kJais2Pattern) return std::make_unique<Jais2>();
  for (const KnownPattern& known : kKnown) {
    if (known.regex == regex) return std::make_unique<ScannerPattern>(known.rule);
  }
  return make_thousands_scanner(regex);
}

}  // namespace skald::text
