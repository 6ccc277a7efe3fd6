// Known split patterns as hand-written scanners: linear, and many times faster than a regex engine. Each is tested to
// give what its regex gives.
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

template <int digits>
std::size_t llama3(const Reader& text, std::size_t at) {
  if (const std::size_t end = match_contraction(text, at, /*caseless=*/true); end > at) return end;
  if (const std::size_t end = match_word(text, at); end > at) return end;
  if (const std::size_t end = match_numbers(text, at, digits); end > at) return end;
  if (const std::size_t end = match_symbols(text, at, kOther, /*slash=*/false); end > at) return end;
  return match_lines(text, at);
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
std::size_t newline(const Reader& text, std::size_t at) { return text.at(at).is(kNewline) ? at + 1 : at; }

// \s?[run]+
template <Class run>
std::size_t space_and_run(const Reader& text, std::size_t at) {
  const Char first = text.at(at);
  const std::size_t begin = first.is(kSpace) ? at + first.length : at;
  const std::size_t end = text.skip(begin, run);
  return end > begin ? end : at;
}

struct CodeRanges {
  CodeRange ranges[3];
  [[nodiscard]] bool contains(char32_t c) const {
    for (const CodeRange& range : ranges) {
      if (c >= range.first && c <= range.last) return true;
    }
    return false;
  }
};
constexpr CodeRanges kDeepSeekHan = {{{0x4e00, 0x9fa5}, {0x3040, 0x309f}, {0x30a0, 0x30ff}}};
constexpr CodeRanges kDeepSeekCoderHan = {{{0x4e00, 0x9fa5}, {0x0800, 0x4e00}, {0xac00, 0xd7ff}}};

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

// [ranges]+
class RangesPattern final : public Pattern {
 public:
  explicit RangesPattern(const CodeRanges& ranges) : ranges_(ranges) {}
  void find(std::string_view text, MatchSink sink) const override {
    std::size_t run = 0;  // begin of the run that ends here
    for_each_char(text, [&](char32_t c, std::size_t begin, std::size_t end) {
      if (ranges_.contains(c)) return;
      if (run < begin) sink(run, begin);
      run = end;
    });
    if (run < text.size()) sink(run, text.size());
  }

 private:
  const CodeRanges& ranges_;
};

struct KnownPattern {
  std::string_view regex;
  Rule rule;
};
constexpr KnownPattern kKnown[] = {
    {kGpt2Pattern, gpt2},
    {kGpt2ShortPattern, gpt2},
    {kLlama3Pattern, llama3<3>},
    {kQwen2Pattern, llama3<1>},
    {kO200kPattern, o200k<3, true>},
    {kTekkenPattern, o200k<1, false>},
    {kNumbers3Pattern, numbers3},
    {kDeepSeek3Pattern, deepseek3},
    {kNewlinePattern, newline},
    {kSpaceLettersPattern, space_and_run<kLetter>},
    {kSpacePunctuationPattern, space_and_run<kPunct>},
};

}  // namespace

std::unique_ptr<Pattern> make_scanner(std::string_view regex) {
  if (regex == kDeepSeekHanPattern) return std::make_unique<RangesPattern>(kDeepSeekHan);
  if (regex == kDeepSeekCoderHanPattern) return std::make_unique<RangesPattern>(kDeepSeekCoderHan);
  for (const KnownPattern& known : kKnown) {
    if (known.regex == regex) return std::make_unique<ScannerPattern>(known.rule);
  }
  return nullptr;
}

}  // namespace skald::text
