// The text of one completion as its tokens come: detokenised, searched for stop strings, let out when it is final.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "decode/stop_strings.h"
#include "skald/generation_config.h"
#include "text/detokenizer.h"

namespace skald::decode {

class TextStream {
 public:
  /// `tokenizer` null: there is no text.
  TextStream(const text::Tokenizer* tokenizer, std::shared_ptr<const StopStrings> stops, bool include_stop);

  /// Appends to `out` what `token` made final. True: a stop string was found, the text has ended.
  bool push(TokenId token, std::string& out);
  /// Appends the rest. True: it ended with a stop string after all.
  bool finish(std::string& out);
  [[nodiscard]] const std::string& stop_text() const { return matcher_.found(); }

 private:
  std::optional<text::Detokenizer> detokenizer_;
  StopMatcher matcher_;
};

}  // namespace skald::decode
