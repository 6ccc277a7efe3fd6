// Texts in texts, in time that is linear whatever both are made of.
#pragma once

#include <cstddef>
#include <string_view>

namespace skald {

/// As text.find(wanted, from), which takes the product of both sizes where texts repeat themselves.
std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from = 0);
/// As text.rfind(wanted).
std::size_t find_last_text(std::string_view text, std::string_view wanted);

}  // namespace skald
