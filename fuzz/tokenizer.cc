// Any bytes as a tokenizer.json, then a NUL, then a text: it is refused with a clean error, or it encodes the text to
// ids that are its own, and a stream of them decodes to the same text as all at once.
#include "text/tokenizer.h"

#include "support.h"
#include "tokenizer_checks.h"

namespace {

using namespace skald;

constexpr std::string_view kText = "Once upon a time,\n\tthe <s>year</s> was 1984… ÅÄÖ 東京 😀\xff  'll";

void check_text(const text::Tokenizer& tokenizer, std::string_view input) {
  const text::Encoding encoding = tokenizer.encode(input);
  fuzz::require_ids(tokenizer, encoding);
  fuzz::require_streams(tokenizer, encoding);
  fuzz::require(encoding.ids.size() == encoding.offsets.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::size_t nul = std::min(input.find('\0'), input.size());
  fuzz::expect_clean_errors([&] {
    const json::Value root = json::parse(input.substr(0, nul), "tokenizer.json", {.nodes = 10000});
    const auto tokenizer = text::Tokenizer::from_json(root, "tokenizer.json");
    check_text(tokenizer, nul < input.size() ? input.substr(nul + 1) : kText);
  });
  return 0;
}
