// Any bytes as a SentencePiece model, and after the last empty line a text: it is refused with a clean error, or it
// encodes the text to ids that are its own, and a stream of them decodes to the same text as all at once.
#include "support.h"
#include "text/files/vocabulary_files.h"
#include "tokenizer_checks.h"

namespace {

using namespace skald;

constexpr std::string_view kText = "Once upon a  time,\n\tthe <s>year</s> was 1984… ÅÄÖ 東京 😀 ";

void check_text(const text::Tokenizer& tokenizer, std::string_view input) {
  for (const bool plain : {false, true}) {
    const text::Encoding encoding = tokenizer.encode(input, {.parse_special = !plain});
    fuzz::require_ids(tokenizer, encoding);
    fuzz::require_streams(tokenizer, encoding);
    fuzz::require_places(encoding, input);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::size_t cut = input.rfind("\n\n");
  const text::FolderSettings settings("/nowhere");
  fuzz::expect_clean_errors([&] {
    const auto file = text::read_piece_model(input.substr(0, cut), "x.model", settings);
    const auto tokenizer = text::Tokenizer::from_json(file.tokenizer, file.path);
    check_text(tokenizer, cut == std::string_view::npos ? kText : input.substr(cut + 2));
  });
  return 0;
}
