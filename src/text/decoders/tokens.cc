// The decoders that work on the text of tokens.
#include "base/find_text.h"
#include "base/utf8.h"
#include "text/decoders/types.h"
#include "text/stage.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

class TokenStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<TokenStream>(*this); }
  explicit TokenStream(const TokenDecoder& decoder) : decoder_(decoder) {}
  void push(std::string_view part, bool ends, PartSink out) override {
    token_ += part;
    if (!ends) return;
    out(decoder_.text(token_), true);
    token_.clear();
  }

 private:
  const TokenDecoder& decoder_;
  std::string token_;
};

class MetaspaceStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override {
    return std::make_unique<MetaspaceStream>(*this);
  }
  MetaspaceStream(std::string_view replacement, bool drop_first) : replacement_(replacement), first_(drop_first) {}
  void push(std::string_view part, bool ends, PartSink out) override {
    out(replace_all(part, replacement_, first_ ? "" : " "), ends);
    if (ends) first_ = false;
  }

 private:
  std::string_view replacement_;
  bool first_;  // in the first token, where the replacement is dropped
};

class FuseStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<FuseStream>(*this); }
  void push(std::string_view part, bool, PartSink out) override {
    if (!part.empty()) out(part, false);
  }
  void finish(PartSink out) override { out("", true); }
};

// Where nothing is cut at the end of a token, its text goes on as it comes.
class StripStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<StripStream>(*this); }
  StripStream(std::string_view content, std::uint32_t start, std::uint32_t stop)
      : content_(content), start_(start), stop_(stop), left_(start) {}
  void push(std::string_view part, bool ends, PartSink out) override {
    while (left_ > 0 && part.starts_with(content_)) {
      part.remove_prefix(content_.size());
      --left_;
    }
    if (!part.empty()) left_ = 0;
    if (stop_ == 0) {
      out(part, ends);
    } else {
      token_ += part;
      if (ends) out(without_end(), true);
    }
    if (!ends) return;
    token_.clear();
    left_ = start_;
  }

 private:
  [[nodiscard]] std::string_view without_end() const {
    std::string_view text = token_;
    for (std::uint32_t i = 0; i < stop_ && text.ends_with(content_); ++i) text.remove_suffix(content_.size());
    return text;
  }
  std::string_view content_;
  std::uint32_t start_, stop_;
  std::uint32_t left_;  // characters that may still be dropped at the beginning of this token
  std::string token_;   // of this token, where its end matters
};

class BpeStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override { return std::make_unique<BpeStream>(*this); }
  explicit BpeStream(std::string_view suffix) : suffix_(suffix) {}
  void push(std::string_view part, bool ends, PartSink out) override {
    if (complete_) out(replace_all(token_, suffix_, " "), true);
    if (complete_) token_.clear();
    token_ += part;
    complete_ = ends;
  }
  void finish(PartSink out) override {
    out(replace_all(token_, suffix_, ""), true);
    token_.clear();
    complete_ = false;
  }

 private:
  std::string_view suffix_;
  std::string token_;  // the last one: whether it ends the text is not known yet
  bool complete_ = false;
};

class SpaceBetweenStream final : public DecoderStream {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> clone() const override {
    return std::make_unique<SpaceBetweenStream>(*this);
  }
  void push(std::string_view part, bool ends, PartSink out) override {
    if (after_token_) out(" ", false);
    out(part, ends);
    after_token_ = ends;
  }

 private:
  bool after_token_ = false;
};

}  // namespace

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = find_text(text, from); at != std::string_view::npos; at = find_text(text, from, copied)) {
    out.append(text.substr(copied, at - copied)).append(to);
    copied = at + from.size();
  }
  return out.append(text.substr(copied));
}

std::unique_ptr<DecoderStream> TokenDecoder::start() const { return std::make_unique<TokenStream>(*this); }

MetaspaceDecoder::MetaspaceDecoder(const json::Fields& fields) {
  append_utf8(replacement_, need_char(fields, "replacement"));
  drop_first_ = fields.get_string("prepend_scheme").value_or("always") != "never" &&
                fields.get_bool("add_prefix_space").value_or(true);
}
std::unique_ptr<DecoderStream> MetaspaceDecoder::start() const {
  return std::make_unique<MetaspaceStream>(replacement_, drop_first_);
}
std::string MetaspaceDecoder::token_bytes(std::string token) const { return replace_all(token, replacement_, " "); }

std::unique_ptr<DecoderStream> Fuse::start() const { return std::make_unique<FuseStream>(); }

ReplaceDecoder::ReplaceDecoder(const json::Fields& fields)
    : pattern_(make_pattern(fields)), content_(fields.need_string("content")) {}

std::string ReplaceDecoder::text(std::string_view token) const {
  std::string out;
  std::size_t copied = 0;
  pattern_->find(token, [&](std::size_t begin, std::size_t end) {
    out.append(token.substr(copied, begin - copied)).append(content_);
    copied = end;
  });
  return out.append(token.substr(copied));
}

StripDecoder::StripDecoder(const json::Fields& fields)
    : start_(static_cast<std::uint32_t>(fields.need_integer("start", 0, 1 << 20))),
      stop_(static_cast<std::uint32_t>(fields.need_integer("stop", 0, 1 << 20))) {
  append_utf8(content_, need_char(fields, "content"));
}
std::unique_ptr<DecoderStream> StripDecoder::start() const {
  return std::make_unique<StripStream>(content_, start_, stop_);
}
std::string StripDecoder::token_bytes(std::string token) const {
  std::string out;
  StripStream(content_, start_, stop_).push(token, true, [&](std::string_view text, bool) { out += text; });
  return out;
}

BpeDecoder::BpeDecoder(const json::Fields& fields) : suffix_(fields.get_string("suffix").value_or("</w>")) {
  if (suffix_.empty()) fields.fail("suffix", "must not be empty");
}
std::unique_ptr<DecoderStream> BpeDecoder::start() const { return std::make_unique<BpeStream>(suffix_); }
std::string BpeDecoder::token_bytes(std::string token) const { return replace_all(token, suffix_, " "); }

std::unique_ptr<DecoderStream> SpaceBetween::start() const { return std::make_unique<SpaceBetweenStream>(); }

}  // namespace skald::text
