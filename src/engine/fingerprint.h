// What tells one model from another.
#pragma once

#include <string>

namespace skald::engine {

/// 16 hexadecimal digits made of the configuration and tokenizer files in a folder and of samples of its weights, or of
/// one GGUF file: names, sizes, the first megabyte and 64 pieces of 4 KiB of each file. A mistake is found, not malice.
/// Throws PathError.
std::string model_fingerprint(const std::string& path);

}  // namespace skald::engine
