// Any bytes as a chat template, then a NUL, then JSON as its variables: it is refused with a clean error, or it writes
// valid UTF-8, the same each time, with ranges that lie in order inside it.
#include "base/utf8.h"
#include "support.h"
#include "text/template/compiled_template.h"

namespace {

using namespace skald;

constexpr jinja::Limits kLimits = {.steps = 20000, .text_bytes = 1 << 16, .all_bytes = 1 << 21, .list_items = 20000};
constexpr std::string_view kVariables =
    R"({"messages": [{"role": "user", "content": "Hé <b> 'x'\n"}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": 1.5, "b": [true, null]}}}],
        "add_generation_prompt": true})";

void check_ranges(const std::vector<jinja::TrackedText::Range>& ranges, std::size_t size) {
  std::size_t at = 0;
  for (const auto& [begin, end] : ranges) {
    fuzz::require(begin >= at && begin < end && end <= size);
    at = end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::size_t nul = std::min(input.find('\0'), input.size());
  fuzz::expect_clean_errors([&] {
    const std::string source(input.substr(0, nul));
    const json::Value variables =
        json::parse(nul < input.size() ? input.substr(nul + 1) : kVariables, "variables", {.nodes = 10000});
    if (!variables.is_object()) return;
    const jinja::CompiledTemplate compiled(source, "template");
    const jinja::Rendered first = compiled.render(variables.as_object(), {{"bos_token", "<s>"}}, kLimits);
    fuzz::require(first_invalid_utf8(first.text.bytes()) == first.text.size());
    check_ranges(first.text.from_caller(), first.text.size());
    if (source.find("strftime_now") != std::string::npos) return;
    const jinja::Rendered second = compiled.render(variables.as_object(), {{"bos_token", "<s>"}}, kLimits);
    fuzz::require(first.text.bytes() == second.text.bytes() && first.text.from_caller() == second.text.from_caller());
  });
  return 0;
}
