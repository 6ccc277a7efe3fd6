#include "text/pattern.h"

#include "base/find_text.h"

namespace skald::text {
namespace {

class Literal final : public Pattern {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}
  void find(std::string_view text, MatchSink sink) const override {
    for (std::size_t at = 0; (at = find_text(text, text_, at)) != std::string_view::npos; at += text_.size()) {
      sink(at, at + text_.size());
    }
  }

 private:
  std::string text_;  // not empty
};

}  // namespace

std::unique_ptr<Pattern> make_pattern(const json::Fields& fields) {
  const auto pattern = fields.get_object("pattern");
  if (!pattern || pattern->value().as_object().size() != 1) {
    fields.fail("pattern", R"(must be {"String": "..."} or {"Regex": "..."})");
  }
  if (pattern->has("String")) {
    std::string text = pattern->need_string("String");
    if (text.empty()) pattern->fail("String", "must not be empty");
    return std::make_unique<Literal>(std::move(text));
  }
  const std::string regex = pattern->need_string("Regex");
  if (auto scanner = make_scanner(regex)) return scanner;
  return make_regex(regex, fields.file(), pattern->name("Regex"));
}

}  // namespace skald::text
