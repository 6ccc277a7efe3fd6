// Grapheme clusters: what a reader takes for one character.
#pragma once

#include <cstddef>
#include <string_view>

namespace skald::text {

/// End of the cluster that begins at text[at], by the rules of Unicode annex 29 that can make clusters of fewer than
/// six bytes: what Hangul syllables, flags and Indic conjuncts would add is longer, and counted here as several
/// clusters.
std::size_t cluster_end(std::string_view text, std::size_t at);

}  // namespace skald::text
