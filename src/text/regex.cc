#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

#include "skald/error.h"
#include "text/pattern.h"
#include "text/regex/alphabet.h"
#include "text/regex/code_set.h"
#include "text/regex/parser.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr std::uint32_t kMatchLimit = 5'000'000;  // steps of one match
constexpr std::size_t kFreeWork = 2U << 20;       // of one text, see Work
constexpr std::size_t kWorkPerCharacter = 32;
constexpr std::uint32_t kHeapLimit = 32 * 1024;  // KiB
constexpr std::uint32_t kDepthLimit = 100'000;
constexpr std::size_t kJitStack = 64U << 20;  // bytes at most: a group takes some 32 each time that it is repeated
constexpr std::string_view kTooComplex = "regex too complex: it needs too much backtracking";

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Code = std::unique_ptr<pcre2_code, Free<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack_free>>;

pcre2_jit_stack* thread_jit_stack(void*) {
  thread_local const JitStack stack(pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr));
  return stack.get();
}

// What the engine has done in a text: it calls back before and behind every repetition. Between two calls it does no
// more than pass the characters between them, by as many steps as the regex is long. So a text that a regex would walk
// through again and again is refused before that takes long.
class Work {
 public:
  explicit Work(std::size_t characters) : left_(kFreeWork + kWorkPerCharacter * characters) {}
  static int count(pcre2_callout_block* block, void* work) { return static_cast<Work*>(work)->pass(*block); }

 private:
  int pass(const pcre2_callout_block& block) {
    const std::size_t at = block.current_position;
    const std::size_t done = 1 + std::max(at, at_) - std::min(at, at_);
    at_ = at;
    if (done > left_) return PCRE2_ERROR_CALLOUT;
    left_ -= done;
    return 0;
  }
  std::size_t at_ = 0;
  std::size_t left_;
};

// Any regex: the text is put into the regex's own alphabet, where PCRE2 matches bytes.
class RegexPattern final : public Pattern {
 public:
  RegexPattern(Alphabet alphabet, Code code, ErrorFields error)
      : alphabet_(std::move(alphabet)), code_(std::move(code)), error_(std::move(error)) {}

  void find(std::string_view text, MatchSink sink) const override;

 private:
  // The first match in `symbols` from `from` on; false where there is none.
  bool search(std::string_view symbols, std::size_t from, pcre2_match_data* data, pcre2_match_context* context) const;

  Alphabet alphabet_;
  Code code_;
  ErrorFields error_;  // for a match that takes too long
};

// Moves a byte position along with a character position.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  std::size_t byte_of(std::size_t character) {  // ascending
    for (; character_ < character; ++character_) byte_ += char_length(text_[byte_]);
    return byte_;
  }

 private:
  std::string_view text_;
  std::size_t character_ = 0, byte_ = 0;
};

bool RegexPattern::search(std::string_view symbols, std::size_t from, pcre2_match_data* data,
                          pcre2_match_context* context) const {
  const int rc =
      pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(symbols.data()), symbols.size(), from, 0, data, context);
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc < 0) throw LimitError(error_);
  return true;
}

void RegexPattern::find(std::string_view text, MatchSink sink) const {
  const std::string symbols = alphabet_.translate(text);
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimit);
  pcre2_set_depth_limit(context.get(), kDepthLimit);
  pcre2_jit_stack_assign(context.get(), thread_jit_stack, nullptr);
  Work work(symbols.size());
  pcre2_set_callout(context.get(), Work::count, &work);
  Cursor cursor(text);
  bool after_match = false;
  for (std::size_t from = 0; from <= symbols.size();) {
    if (!search(symbols, from, data.get(), context.get())) return;
    const std::size_t begin = pcre2_get_ovector_pointer(data.get())[0];
    const std::size_t end = pcre2_get_ovector_pointer(data.get())[1];
    if (begin == end && after_match && begin == from) {  // an empty match right behind the last one does not count
      ++from;
      after_match = false;
      continue;
    }
    const std::size_t first_byte = cursor.byte_of(begin);
    sink(first_byte, cursor.byte_of(end));
    from = end;
    after_match = true;
  }
}

// A set with a fast path for ASCII.
class FastSet {
 public:
  explicit FastSet(CodeSet set) : set_(std::move(set)) {
    for (char32_t c = 0; c < 128; ++c) ascii_[c] = contains(set_, c);
  }
  /// Whether it holds the character that begins at text[at].
  [[nodiscard]] bool holds(std::string_view text, std::size_t at) const {
    const auto byte = static_cast<unsigned char>(text[at]);
    return byte < 128 ? ascii_[byte] : contains(set_, char_at(text.data() + at, char_length(text[at])));
  }

 private:
  CodeSet set_;
  std::array<bool, 128> ascii_{};
};

// [A]?[B]+, [B]+ or [B]: found without an engine, in linear time.
class RunPattern final : public Pattern {
 public:
  RunPattern(CodeSet before, CodeSet run, bool repeats)
      : before_(std::move(before)), run_(std::move(run)), repeats_(repeats) {}

  void find(std::string_view text, MatchSink sink) const override {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t first = at + char_length(text[at]);
      std::size_t end = before_.holds(text, at) ? match_run(text, first) : first;
      const bool prefixed = end > first;
      if (!prefixed) end = match_run(text, at);
      if (end > at) sink(at, end);
      at = end > at ? end : first;
    }
  }

 private:
  [[nodiscard]] std::size_t match_run(std::string_view text, std::size_t at) const {
    const std::size_t begin = at;
    while (at < text.size() && (repeats_ || at == begin) && run_.holds(text, at)) at += char_length(text[at]);
    return at;
  }

  FastSet before_, run_;
  bool repeats_;
};

std::unique_ptr<Pattern> make_run(const std::vector<RegexItem>& items) {
  const auto is_set = [&](std::size_t i) { return i < items.size() && items[i].syntax.empty(); };
  const auto is_syntax = [&](std::size_t i, std::string_view text) {
    return i < items.size() && items[i].syntax == text;
  };
  const std::size_t run = is_set(0) && is_syntax(1, "?") ? 2 : 0;
  if (!is_set(run)) return nullptr;
  const bool repeats = is_syntax(run + 1, "+");
  if (items.size() != run + (repeats ? 2 : 1)) return nullptr;
  return std::make_unique<RunPattern>(run > 0 ? items[0].set : CodeSet{}, items[run].set, repeats);
}

// The items before which the engine calls back, see Work: where something begins that is repeated, and behind.
std::vector<bool> places_of_calls(const std::vector<RegexItem>& items) {
  std::vector<bool> calls(items.size() + 1);
  std::vector<std::size_t> open;  // items where the groups around begin
  std::size_t group = 0;          // where the last closed one began
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string& syntax = items[i].syntax;
    for (const char c : syntax) {
      if (c == '(') open.push_back(i);
      if (c != ')' || open.empty()) continue;
      group = open.back();
      open.pop_back();
    }
    if (i > 0 && (syntax == ")+" || syntax.find_first_of("*+{") == 0)) {
      const bool of_group = items[i - 1].syntax.ends_with(')') || syntax == ")+";
      calls[of_group ? group : i - 1] = calls[i + 1] = true;
    }
  }
  return calls;
}

Code compile(const std::vector<RegexItem>& items, const Alphabet& alphabet, ErrorFields error) {
  const std::vector<bool> calls = places_of_calls(items);
  std::string pattern;
  for (std::size_t i = 0; i <= items.size(); ++i) {
    if (calls[i]) pattern += "(?C)";  // calls Work::count
    if (i < items.size()) pattern += items[i].syntax.empty() ? alphabet.byte_class(items[i].set) : items[i].syntax;
  }
  int number = 0;
  PCRE2_SIZE offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_NEVER_UTF, &number,
                          &offset, nullptr));
  if (!code) {
    PCRE2_UCHAR message[120];
    pcre2_get_error_message(number, message, sizeof(message));
    error.rule = std::string("malformed regex: ") + reinterpret_cast<const char*>(message);
    throw FormatError(std::move(error));
  }
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // where it fails, the interpreter serves
  return code;
}

// Tries texts on which a regex with nested repetition backtracks without end: better refused at load than while
// serving.
void probe(const Pattern& pattern) {
  for (const std::string_view unit : {"a", "A", "1", " ", "\n", "-", "a ", "ab", "\xe4\xb8\xad"}) {
    std::string text;
    for (int i = 0; i < 48; ++i) text += unit;
    for (const char* end : {"!", "a", "\x01", "\x01 abcxyzABC019!.,;:?-'\"\n"})
      pattern.find(text + end, [](std::size_t, std::size_t) {});
  }
}

}  // namespace

std::unique_ptr<Pattern> make_regex(const std::string& regex, const std::string& file, const std::string& field) {
  const std::vector<RegexItem> items = parse_regex(regex, file, field);
  if (auto run = make_run(items)) return run;
  const ErrorFields error{
      .file = file, .offset = {}, .field = field, .value = quoted(regex), .rule = std::string(kTooComplex)};
  auto alphabet = Alphabet::make(items);
  if (!alphabet) throw LimitError(error);
  Code code = compile(items, *alphabet, error);
  auto pattern = std::make_unique<RegexPattern>(std::move(*alphabet), std::move(code), error);
  probe(*pattern);
  return pattern;
}

}  // namespace skald::text
