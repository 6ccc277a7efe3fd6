#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// CJK ideographs, not kana or Hangul: the blocks of BERT's tokenizer.
bool is_chinese(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return in(0x4e00, 0x9fff) || in(0x3400, 0x4dbf) || in(0x20000, 0x2a6df) || in(0x2a700, 0x2b73f) ||
         in(0x2b740, 0x2b81f) || in(0x2b920, 0x2ceaf) || in(0xf900, 0xfaff) || in(0x2f800, 0x2fa1f);
}

bool is_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == 0 || c == 0xfffd || has_flag(c, kIsBertControl);
}

}  // namespace

BertNormalizer::BertNormalizer(const json::Fields& fields)
    : clean_(fields.get_bool("clean_text").value_or(true)),
      chinese_(fields.get_bool("handle_chinese_chars").value_or(true)),
      lowercase_(fields.get_bool("lowercase").value_or(true)) {
  accents_ = fields.get_bool("strip_accents").value_or(lowercase_);
}

// ASCII alone is done in one go. No step looks beyond an ASCII character, so what lies between them is done apart.
bool BertNormalizer::normalize(const Piece& in, AlignedText& out) const {
  for (std::size_t at = 0; at < in.text.size();) {
    const char c = in.text[at];
    if (is_ascii(c)) {
      const auto code = static_cast<char32_t>(c);
      const bool space = clean_ && is_space(code);
      const bool upper = lowercase_ && c >= 'A' && c <= 'Z';
      if (!clean_ || !is_dropped(code)) {
        out.append(space ? ' ' : upper ? static_cast<char>(c - 'A' + 'a') : c, in.origin(at, at + 1));
      }
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < in.text.size() && !is_ascii(in.text[end])) ++end;
    put(in.slice(at, end), out);
    at = end;
  }
  return true;
}

void BertNormalizer::put(const Piece& part, AlignedText& out) const {
  AlignedText cleaned;
  for_each_char(part.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    const ByteRange origin = part.origin(begin, end);
    if (clean_ && is_dropped(c)) return;
    const bool apart = chinese_ && is_chinese(c);
    if (apart) cleaned.append(' ', origin);
    cleaned.append(clean_ && is_space(c) ? U' ' : c, origin);
    if (apart) cleaned.append(' ', origin);
  });
  Piece text = cleaned.piece();
  AlignedText decomposed;
  if (accents_ && !text.text.empty() && UnicodeNormalizer(NormalForm::nfd).normalize(text, decomposed)) {
    text = decomposed.piece();
  }
  for_each_char(text.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (accents_ && has_flag(c, kIsBertAccent)) return;
    const ByteRange origin = text.origin(begin, end);
    if (!lowercase_) return out.append(c, origin);
    out.append(lower_case(c), origin);
    if (c == 0x130) out.append(U'\u0307', origin);
  });
}

}  // namespace skald::text
