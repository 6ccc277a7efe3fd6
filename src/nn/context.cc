#include "nn/context.h"

#include <string>

#include "skald/error.h"

namespace skald::nn {
namespace {

[[noreturn]] void refuse(std::size_t row, const char* rule) {
  throw UsageError("batch: row " + std::to_string(row) + " " + rule);
}

}  // namespace

void Context::begin(const Batch& batch, StatePool& pass_state, ThreadPool& workers, Workspace& workspace) {
  rows = batch.rows;
  state = &pass_state;
  pool = &workers;
  work = &workspace;
  runs.clear();
  adapter_spans.clear();
  for (std::vector<RowAngles>& set : angles) set.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (runs.empty() || runs.back().sequence != row.sequence) {
      if (row.position != state->length(row.sequence)) refuse(i, "does not begin where its sequence ends");
      runs.push_back({.sequence = row.sequence,
                      .begin = i,
                      .end = i,
                      .position = row.position,
                      .cross_length = state->cross_length(row.sequence)});
    }
    SequenceRun& run = runs.back();
    if (row.position != run.position + static_cast<std::int64_t>(i - run.begin)) refuse(i, "leaves a gap of positions");
    run.end = i + 1;
    if (row.adapter == 0) continue;
    const auto continues = [&](const RowSpan& span) {
      return span.end == i && span.adapter == row.adapter && span.scale == row.adapter_scale;
    };
    if (adapter_spans.empty() || !continues(adapter_spans.back())) {
      adapter_spans.push_back({.begin = i, .end = i, .adapter = row.adapter, .scale = row.adapter_scale});
    }
    adapter_spans.back().end = i + 1;
  }
}

}  // namespace skald::nn
