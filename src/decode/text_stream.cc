#include "decode/text_stream.h"

#include <utility>

namespace skald::decode {

TextStream::TextStream(const text::Tokenizer* tokenizer, std::shared_ptr<const StopStrings> stops, bool include_stop)
    : matcher_(std::move(stops), include_stop) {
  if (tokenizer != nullptr) detokenizer_.emplace(*tokenizer, /*skip_special_tokens=*/true);
}

bool TextStream::push(TokenId token, std::string& out) {
  return detokenizer_ && matcher_.push(detokenizer_->push(token), out);
}

bool TextStream::finish(std::string& out) {
  if (!detokenizer_ || matcher_.push(detokenizer_->finish(), out)) return !stop_text().empty();
  matcher_.finish(out);
  return false;
}

}  // namespace skald::decode
