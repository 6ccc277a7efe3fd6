// Any bytes as a SentencePiece model, and after the last empty line a text: it is refused with a clean error, or it
// encodes the text to ids that are its own, and a stream of them decodes to the same text as all at once.
#include "support.h"
#include "text/detokenizer.h"
#include "text/files/vocabulary_files.h"
#include "text/tokenizer.h"

namespace {

using namespace skald;

constexpr std::string_view kText = "Once upon a  time,\n\tthe <s>year</s> was 1984… ÅÄÖ 東京 😀 ";

void check_text(const text::Tokenizer& tokenizer, std::string_view input) {
  for (const bool plain : {false, true}) {
    const text::Encoding encoding = tokenizer.encode(input, {.parse_special = !plain});
    text::Detokenizer stream(tokenizer);
    std::string streamed;
    for (const auto id : encoding.ids) {
      fuzz::require(id >= 0 && id < tokenizer.id_limit());
      streamed += stream.push(id);
    }
    streamed += stream.finish();
    fuzz::require(streamed == tokenizer.decode(encoding.ids));
    for (const text::ByteRange range : encoding.offsets) {
      fuzz::require(range.begin <= range.end && range.end <= input.size());
    }
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
