#include "skald/error.h"
#include "text/pattern.h"
namespace skald::text {
std::unique_ptr<Pattern> make_regex(const std::string& regex, const std::string& file, const std::string& field) {
  throw UnsupportedError(
      ErrorFields{.file = file, .field = field, .value = quoted(regex), .rule = "is not a known split pattern"});
}
}  // namespace skald::text
