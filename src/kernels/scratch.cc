#include "kernels/scratch.h"

#include "base/buffer.h"

namespace skald::kernels {

float* scratch(std::size_t floats) {
  thread_local Buffer memory;
  if (memory.size() < floats * sizeof(float)) memory = Buffer(floats * sizeof(float));
  return memory.as<float>().data();
}

}  // namespace skald::kernels
