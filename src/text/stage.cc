#include "text/stage.h"

#include "base/utf8.h"

namespace skald::text {

char32_t need_char(const json::Fields& fields, std::string_view key) {
  const std::string text = fields.need_string(key);
  const std::size_t length = utf8_sequence_length(text);
  if (length == 0 || length != text.size()) fields.fail(key, "must be one character");
  return decode_utf8(text, length);
}

}  // namespace skald::text
