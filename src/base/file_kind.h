// What a file really is, by its first bytes: names and extensions are not believed.
#pragma once

#include <string_view>

namespace skald {

/// First bytes that recognize_file_kind() wants to see.
inline constexpr std::size_t kFileKindBytes = 64;

/// "a Git LFS pointer: run `git lfs pull`", "a ZIP archive (...)", "a GGUF file", ...; empty for anything else.
std::string_view recognize_file_kind(std::string_view head);

}  // namespace skald
