// Reads configurations and writes them again, for tests/parity/test_generation_config.py: of the arguments, the first
// of two is a file or folder to load, the second one where to save. A refusal ends the program with code 2.
#include <cstdio>
#include <span>

#include "skald/error.h"
#include "skald/generation_config.h"

int main(int argc, char** argv) {
  const std::span<char*> paths(argv + 1, static_cast<std::size_t>(argc - 1));
  try {
    for (std::size_t i = 0; i + 1 < paths.size(); i += 2) skald::GenerationConfig::load(paths[i]).save(paths[i + 1]);
  } catch (const skald::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
