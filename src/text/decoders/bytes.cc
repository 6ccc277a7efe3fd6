// The decoders that make characters of bytes.
#include "base/utf8.h"
#include "text/decoders/types.h"
#include "text/escaped_bytes.h"
#include "text/lossy_utf8.h"
#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

// Each token to bytes, and all of them as UTF-8.
class BytesStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<BytesStream>(*this); }
  explicit BytesStream(const Decoder& decoder) : decoder_(decoder) {}
  void push(std::string_view part, bool ends, PartSink out) override {
    token_ += part;
    if (!ends) return;
    std::string text;
    utf8_.push(decoder_.token_bytes(std::move(token_)), text);
    token_.clear();
    if (!text.empty()) out(text, false);
  }
  void finish(PartSink out) override {
    std::string text;
    utf8_.finish(text);
    out(text, true);
  }

 private:
  const Decoder& decoder_;
  std::string token_;  // parts of a token that is not complete
  LossyUtf8 utf8_;
};

// The byte of "<0x1F>"; -1 for any other token.
int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F', lower = c >= 'a' && c <= 'f';
    if (!digit && !upper && !lower) return -1;
    value = value * 16 + (digit ? c - '0' : (upper ? c - 'A' : c - 'a') + 10);
  }
  return value;
}

class ByteFallbackStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override {
    return std::make_unique<ByteFallbackStream>(*this);
  }
  void push(std::string_view part, bool ends, PartSink out) override {
    if (!ends || !token_.empty()) {
      token_ += part;
      if (!ends) return;
      part = token_;
    }
    const int byte = fallback_byte(part);
    if (byte >= 0) {
      run_ += static_cast<char>(byte);
    } else {
      flush(out);
      out(part, true);
    }
    token_.clear();
  }
  void finish(PartSink out) override { flush(out); }

 private:
  void flush(PartSink out) {
    if (run_.empty()) return;
    if (first_invalid_utf8(run_) == run_.size()) {
      out(run_, true);
    } else {
      for (std::size_t i = 0; i < run_.size(); ++i) out(kReplacement, true);
    }
    run_.clear();
  }
  std::string token_;  // parts of a token that is not complete
  std::string run_;    // bytes that are not put out yet
};

}  // namespace

std::unique_ptr<DecoderStream> ByteLevelDecoder::start() const { return std::make_unique<BytesStream>(*this); }

std::string ByteLevelDecoder::token_bytes(std::string token) const {
  std::string bytes;
  bool mapped = true;
  for_each_char(token, [&](char32_t c, std::size_t, std::size_t) {
    const int byte = char_to_byte(c);
    mapped = mapped && byte >= 0;
    bytes += static_cast<char>(byte);
  });
  return mapped ? bytes : token;  // an added token outside the alphabet stands for itself
}

std::unique_ptr<DecoderStream> RwkvDecoder::start() const { return std::make_unique<BytesStream>(*this); }

std::string RwkvDecoder::token_bytes(std::string token) const {
  return unescape_bytes(token).value_or(token);  // an added token may be spelled plainly
}

std::unique_ptr<DecoderStream> ByteFallbackDecoder::start() const { return std::make_unique<ByteFallbackStream>(); }

std::string ByteFallbackDecoder::token_bytes(std::string token) const {
  const int byte = fallback_byte(token);
  return byte < 0 ? token : std::string(1, static_cast<char>(byte));
}

}  // namespace skald::text
