#include "base/file_kind.h"

#include <array>

namespace skald {
namespace {

struct Kind {
  std::string_view magic;
  std::string_view name;
};

constexpr std::array<Kind, 10> kKinds = {{
    {"version https://git-lfs", "a Git LFS pointer: run `git lfs pull` to fetch the file itself"},
    {"PK\x03\x04", "a ZIP archive (a PyTorch checkpoint?)"},
    {"PK\x05\x06", "an empty ZIP archive"},
    {"GGUF", "a GGUF file"},
    {"\x80\x02", "a Python pickle (an old PyTorch checkpoint?)"},
    {"\x89HDF", "an HDF5 file"},
    {"\x1f\x8b", "a gzip archive: unpack it"},
    {"\x93NUMPY", "a NumPy array"},
    {"<!DOCTYPE", "an HTML page (a failed download?)"},
    {"<html", "an HTML page (a failed download?)"},
}};

}  // namespace

std::string_view recognize_file_kind(std::string_view head) {
  for (const Kind& kind : kKinds) {
    if (head.substr(0, kind.magic.size()) == kind.magic) return kind.name;
  }
  return {};
}

}  // namespace skald
