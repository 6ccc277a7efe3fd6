// The decoders that put spaces between words.
#include <optional>

#include "text/decoders/types.h"

namespace skald::text {
namespace {

// As in `tokenizers`, one rule after the other; a token's own spaces are all that it sees.
std::string clean_up(std::string text) {
  static constexpr std::string_view kRules[][2] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  if (text.find(' ') == std::string::npos) return text;
  for (const auto& [from, to] : kRules) text = replace_all(text, from, to);
  return text;
}

class WordPieceStream final : public DecoderStream {
 public:
  explicit WordPieceStream(const WordPieceDecoder& decoder) : decoder_(decoder) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override {
    return std::make_unique<WordPieceStream>(*this);
  }
  void push(std::string_view part, bool ends, PartSink out) override {
    token_ += part;
    if (!ends) return;
    out(decoder_.text(token_, first_), true);
    first_ = false;
    token_.clear();
  }

 private:
  const WordPieceDecoder& decoder_;
  std::string token_;  // parts of a token that is not complete
  bool first_ = true;
};

class CtcStream final : public DecoderStream {
 public:
  explicit CtcStream(const CtcDecoder& decoder) : decoder_(decoder) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<CtcStream>(*this); }
  void push(std::string_view part, bool ends, PartSink out) override {
    token_ += part;
    if (!ends) return;
    if (token_ != last_) {
      const std::string text = decoder_.token_bytes(token_);
      if (!text.empty()) out(text, true);
    }
    last_ = std::move(token_);
    token_.clear();
  }

 private:
  const CtcDecoder& decoder_;
  std::string token_;                // parts of a token that is not complete
  std::optional<std::string> last_;  // the token before
};

}  // namespace

WordPieceDecoder::WordPieceDecoder(const json::Fields& fields)
    : prefix_(fields.need_string("prefix")), cleanup_(fields.get_bool("cleanup").value_or(true)) {}

std::string WordPieceDecoder::text(std::string_view token, bool first) const {
  std::string out(token);
  if (!first) out = token.starts_with(prefix_) ? std::string(token.substr(prefix_.size())) : " " + out;
  return cleanup_ ? clean_up(std::move(out)) : out;
}
std::unique_ptr<DecoderStream> WordPieceDecoder::start() const { return std::make_unique<WordPieceStream>(*this); }
std::string WordPieceDecoder::token_bytes(std::string token) const { return text(token, /*first=*/false); }

CtcDecoder::CtcDecoder(const json::Fields& fields)
    : padding_(fields.need_string("pad_token")),
      delimiter_(fields.need_string("word_delimiter_token")),
      cleanup_(fields.get_bool("cleanup").value_or(true)) {
  if (padding_.empty()) fields.fail("pad_token", "must not be empty");
  if (delimiter_.empty()) fields.fail("word_delimiter_token", "must not be empty");
}
std::unique_ptr<DecoderStream> CtcDecoder::start() const { return std::make_unique<CtcStream>(*this); }
std::string CtcDecoder::token_bytes(std::string token) const {
  token = replace_all(token, padding_, "");
  return cleanup_ ? replace_all(clean_up(std::move(token)), delimiter_, " ") : token;
}

}  // namespace skald::text
