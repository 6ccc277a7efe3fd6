// Models in several GGUF files, as llama.cpp's gguf-split writes them: NAME-00001-of-00003.gguf and so on. The first
// part has the metadata; each has split.no (from 0), split.count and split.tensors.count (of all parts), and tensors.
#pragma once

#include <filesystem>
#include <memory>

#include "formats/gguf.h"

namespace skald {

/// One file by itself, whatever part of a model it is.
std::unique_ptr<GgufFile> open_gguf_part(const std::filesystem::path& path);

/// The whole model that `part` belongs to, from the files beside it; `part` itself where it is not split. Throws
/// PathError and FormatError that name the part that is missing, or that is not what it should be.
std::unique_ptr<GgufFile> join_gguf_parts(std::unique_ptr<GgufFile> part);

}  // namespace skald
