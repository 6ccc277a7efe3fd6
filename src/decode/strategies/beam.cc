#include "decode/strategies/beam.h"

#include <algorithm>
#include <utility>

namespace skald::decode {

BeamStep::~BeamStep() {
  std::shared_ptr<BeamStep> next = std::move(before);
  while (next && next.use_count() == 1) next = std::exchange(next->before, nullptr);
}

std::vector<const BeamStep*> steps_to(const BeamStep* last) {
  std::vector<const BeamStep*> steps;
  for (const BeamStep* step = last; step->before; step = step->before.get()) steps.push_back(step);
  std::ranges::reverse(steps);
  return steps;
}

}  // namespace skald::decode
