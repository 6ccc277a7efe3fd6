// The decoder stage: tokens to text. One implementation serves whole lists and streams: a list is a stream that ends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "json/fields.h"

namespace skald::text {

/// Takes text, in parts of tokens: `ends` where the token (as this stage sees tokens) is complete with it.
using PartSink = FunctionRef<void(std::string_view part, bool ends)>;

/// The state of one stage in one stream. Text is handed on as soon as no later token can change it.
class DecoderStream {
 public:
  virtual ~DecoderStream() = default;
  virtual void push(std::string_view part, bool ends, PartSink out) = 0;
  virtual void finish(PartSink out) { static_cast<void>(out); }
  [[nodiscard]] virtual std::unique_ptr<DecoderStream> clone() const = 0;
};

/// One stage: immutable, makes streams.
class Decoder {
 public:
  virtual ~Decoder() = default;
  [[nodiscard]] virtual std::unique_ptr<DecoderStream> start() const = 0;
  /// What the stage makes of a token in the middle of a text; bytes, not always UTF-8.
  [[nodiscard]] virtual std::string token_bytes(std::string token) const { return token; }
  /// Whether the stage makes one token of all: the stages after it then see text, not tokens.
  [[nodiscard]] virtual bool joins_tokens() const { return false; }
};

/// All decoders of a tokenizer, in order. Without any, tokens are put together with spaces between them.
class DecoderChain {
 public:
  DecoderChain();
  explicit DecoderChain(const json::Fields& fields);

  [[nodiscard]] std::string token_bytes(std::string_view token) const;

  /// A stream through all stages.
  class Stream {
   public:
    explicit Stream(const DecoderChain& chain);
    Stream(const Stream& other);
    Stream& operator=(const Stream&) = delete;
    Stream(Stream&&) = default;
    Stream& operator=(Stream&&) = default;
    ~Stream() = default;
    /// Appends the text that is final after `token` to `out`.
    void push(std::string_view token, std::string& out);
    void finish(std::string& out);

   private:
    void push_from(std::size_t stage, std::string_view part, bool ends, std::string& out);
    std::vector<std::unique_ptr<DecoderStream>> stages_;
  };

 private:
  std::vector<std::unique_ptr<Decoder>> stages_;
};

}  // namespace skald::text
