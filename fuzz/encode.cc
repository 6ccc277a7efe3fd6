// A tokenizer of the fixtures, chosen by the first byte, and any text: ids are the tokenizer's own, places lie in the
// text in order, and a stream decodes as all at once.
#include "support.h"
#include "text/tokenizer.h"
#include "tokenizer_checks.h"

namespace {

using namespace skald;

const std::vector<text::Tokenizer>& tokenizers() {
  static const std::vector<text::Tokenizer> all = [] {
    std::vector<text::Tokenizer> out;
    for (const char* name :
         {"bert",      "clip",       "ctc",    "deepseek", "gpt2",          "llama2",         "llama3",
          "o200k",     "prefixed",   "qwen2",  "roberta",  "sp-bpe",        "sp-bpe-unknown", "sp-char",
          "sp-suffix", "sp-unigram", "tekken", "unigram",  "unigram-bytes", "wordlevel",      "wordpiece-cased"}) {
      out.push_back(text::Tokenizer::load(std::string(SKALD_FIXTURES "/") + name));
    }
    return out;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const text::Tokenizer& tokenizer = tokenizers()[data[0] % tokenizers().size()];
  const std::string_view input = fuzz::as_text(data, size).substr(1);
  fuzz::expect_clean_errors([&] {
    const text::Encoding encoding = tokenizer.encode(input);
    for (const auto id : encoding.ids) fuzz::require(!tokenizer.id_to_token(id).empty());
    fuzz::require_streams(tokenizer, encoding);
    fuzz::require(encoding.ids.size() == encoding.offsets.size());
    fuzz::require_places(encoding, input);
  });
  return 0;
}
