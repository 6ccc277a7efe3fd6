#include "skald/error.h"

#include "base/utf8.h"  // utf8_sequence_length

namespace skald {
namespace {

constexpr std::size_t kMaxQuotedBytes = 64;

void append_hex_escape(std::string& out, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

// Whether `bytes` begin with a printable character of `length` bytes. C0 and C1 controls are not: terminals obey them.
bool begins_printable(std::string_view bytes, std::size_t length) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (length == 1) return at(0) >= 0x20 && at(0) != 0x7f;
  return length > 2 || (length == 2 && (at(0) != 0xc2 || at(1) >= 0xa0));
}

// Appends `bytes` with every control and non-UTF-8 byte as \xNN: names come from files and may hold anything.
void append_printable(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence_length(bytes);  // 0 where the bytes are not UTF-8
    if (!begins_printable(bytes, length)) {
      append_hex_escape(out, static_cast<unsigned char>(bytes[0]));
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
}

// "model.gguf: byte 0x18: n_kv = 7 <rule>"
std::string format_message(const ErrorFields& fields) {
  std::string text;
  if (!fields.file.empty()) text += fields.file + ": ";
  if (fields.offset) {
    text += "byte ";
    text += std::to_string(*fields.offset) + ": ";
  }
  if (!fields.field.empty()) {
    text += fields.field;
    text += fields.value.empty() ? ": " : " = ";
  }
  if (!fields.value.empty()) text += fields.value + ": ";
  text += fields.rule;
  std::string line;
  line.reserve(text.size());
  append_printable(line, text);
  return line;
}

}  // namespace

Error::Error(ErrorFields fields) : std::runtime_error(format_message(fields)), fields_(std::move(fields)) {}

std::string quoted(std::string_view bytes) {
  std::string out = "'";
  if (bytes.size() <= kMaxQuotedBytes) {
    append_printable(out, bytes);
    return out + "'";
  }
  std::size_t cut = kMaxQuotedBytes;  // not inside a character: step back over its continuation bytes
  while (cut > kMaxQuotedBytes - 3 && (static_cast<unsigned char>(bytes[cut]) & 0xc0) == 0x80) --cut;
  append_printable(out, bytes.substr(0, cut));
  return out + "...'";
}

}  // namespace skald
