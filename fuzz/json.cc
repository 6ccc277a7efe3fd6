// Any bytes as JSON. What we read, nlohmann's parser reads too; what only we refuse is refused for a rule of ours; and
// what we write reads back as the same.
#include <nlohmann/json.hpp>

#include "json/value.h"
#include "support.h"

namespace {

bool is_rule_of_ours(std::string_view message) {
  for (const std::string_view rule : {"duplicate key", "byte-order mark", "UTF-16", "NUL byte"}) {
    if (message.find(rule) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  const std::string_view text = fuzz::as_text(data, size);
  fuzz::expect_clean_errors([&] {
    try {
      const json::Value value = json::parse(text, "input");
      fuzz::require(nlohmann::json::accept(text));
      const std::string dumped = json::dump(value);
      fuzz::require(json::dump(json::parse(dumped, "dumped")) == dumped);
    } catch (const FormatError& error) {
      fuzz::require(!nlohmann::json::accept(text) || is_rule_of_ours(error.what()));
      throw;
    }
  });
  return 0;
}
