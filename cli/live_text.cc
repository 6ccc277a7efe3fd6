#include "live_text.h"

#include "terminal.h"

namespace skald::cli {
namespace {

constexpr std::string_view kEraseBehind = "\x1b[J",
                           kSavePlace =
                               "\x1b"
                               "7",
                           kRestorePlace =
                               "\x1b"
                               "8";

// Columns of a byte of UTF-8: a character beyond ASCII may take two.
std::size_t width_of(char byte) {
  const auto bits = static_cast<unsigned char>(byte);
  if (bits < 0x80) return 1;
  return bits >= 0xc0 ? 2 : 0;  // its first byte counts
}

}  // namespace

void LiveText::begin_with(std::string_view text) {
  write_output(dim(text));
  move_over(text);
}

void LiveText::move_over(std::string_view text) {
  if (columns_ == 0) columns_ = terminal_columns();
  for (const char byte : text) {
    if (byte == '\n') {
      column_ = 0;
    } else {
      column_ = (byte == '\t' ? (column_ / 8 + 1) * 8 : column_ + width_of(byte)) % columns_;
    }
  }
}

// What fits behind the cursor without a new line.
std::string_view LiveText::start_of(std::string_view text) const {
  std::size_t end = 0;
  for (std::size_t column = column_; end < text.size() && text[end] != '\n' && text[end] != '\t'; ++end) {
    column += width_of(text[end]);
    if (column >= columns_) break;
  }
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void LiveText::show(const StreamEvent& event) {
  if (!stdout_is_terminal()) return write_output(event.text);
  const std::string text = escape_controls(event.text);
  move_over(text);
  std::string out = tentative_ ? std::string(kEraseBehind) + text : text;
  const std::string tentative = escape_controls(event.tentative);
  const std::string_view shown = terminal_obeys() ? start_of(tentative) : "";
  tentative_ = !shown.empty();
  if (tentative_) out += std::string(kSavePlace) + dim(shown) + std::string(kRestorePlace);
  write_output(out);
}

}  // namespace skald::cli
