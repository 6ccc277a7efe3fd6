#include "skald/error.h"

#include "base/utf8.h"  // utf8_sequence_length

namespace skald {
namespace {

constexpr std::size_t kMaxQuotedBytes = 64;

void append_hex_escape(std::string& out, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

// Keeps a message on one line whatever a field holds: names come from files and may contain anything.
std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      append_hex_escape(out, byte);
    } else {
      out += c;
    }
  }
  return out;
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
  return one_line(text);
}

}  // namespace

Error::Error(ErrorFields fields) : std::runtime_error(format_message(fields)), fields_(std::move(fields)) {}

std::string quoted(std::string_view bytes) {
  const bool cut = bytes.size() > kMaxQuotedBytes;
  bytes = bytes.substr(0, kMaxQuotedBytes);
  std::string out = "'";
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence_length(bytes);  // 0 where the bytes are not UTF-8
    const auto byte = static_cast<unsigned char>(bytes[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      append_hex_escape(out, byte);
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return out + (cut ? "...'" : "'");
}

}  // namespace skald
