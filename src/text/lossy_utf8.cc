#include "text/lossy_utf8.h"

#include "base/utf8.h"

namespace skald::text {
namespace {

// Whether more bytes could make a character of `bytes` (1 to 3 of them).
bool is_beginning(std::string_view bytes) {
  for (const char tail : {'\x80', '\xbf'}) {  // every first byte takes one of them as its second
    std::string attempt(bytes);
    while (attempt.size() < 4) {
      attempt += tail;
      if (utf8_sequence_length(attempt) == attempt.size()) return true;
    }
  }
  return false;
}

}  // namespace

std::size_t ill_formed_length(std::string_view bytes) {
  std::size_t length = 1;
  while (length < 3 && length < bytes.size() && is_beginning(bytes.substr(0, length + 1))) ++length;
  return length;
}

void LossyUtf8::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = held_.append(bytes);
    bytes = joined;
    held_.clear();
  }
  while (!bytes.empty()) {
    const std::size_t good = first_invalid_utf8(bytes);
    out += bytes.substr(0, good);
    bytes.remove_prefix(good);
    if (bytes.empty()) return;
    if (bytes.size() < 4 && is_beginning(bytes)) {
      held_ = bytes;
      return;
    }
    out += kReplacement;
    bytes.remove_prefix(ill_formed_length(bytes));
  }
}

void LossyUtf8::finish(std::string& out) {
  if (!held_.empty()) out += kReplacement;
  held_.clear();
}

}  // namespace skald::text
