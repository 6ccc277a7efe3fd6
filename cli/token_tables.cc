#include "token_tables.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "report.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string percent(double probability) { return fixed(100 * probability, 2) + " %"; }

std::string logit(float value) { return std::isfinite(value) ? fixed(value, 3) : "out"; }

std::string bar(double probability) {
  constexpr double kColumns = 30;
  std::string out;
  for (int i = 0; i < static_cast<int>(std::lround(probability * kColumns)); ++i) out += "\u2588";
  return out;
}

std::string before_and_after(const TraceCandidate& candidate) {
  return percent(candidate.probability) + " -> " + percent(candidate.processed_probability);
}

// The processor that took `candidate` out; empty where none did.
std::string taken_out_by(const TokenTrace& trace, const TraceCandidate& candidate) {
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    if (std::isfinite(candidate.logits[i]) && !std::isfinite(candidate.logits[i + 1])) return trace.steps[i].processor;
  }
  return {};
}

std::string step_lines(const TokenTrace& trace) {
  std::string out;
  const TraceCandidate& chosen = trace.candidates[0];
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    const TraceStep& step = trace.steps[i];
    if (chosen.logits[i] == chosen.logits[i + 1] && step.removed == 0) continue;
    out += dim("       " + padded(step.processor, 24) + logit(chosen.logits[i]) + " -> " + logit(chosen.logits[i + 1]));
    if (step.removed > 0) out += dim(", takes out " + std::to_string(step.removed));
    out += "\n";
  }
  return out;
}

std::string other_lines(const Model& model, const TokenTrace& trace) {
  std::string out;
  for (const TraceCandidate& other : std::span(trace.candidates).subspan(1)) {
    const std::string by = taken_out_by(trace, other);
    out += dim("       " + padded(spelled(model, other.token), 24) + before_and_after(other) +
               (by.empty() ? "" : ", taken out by " + by)) +
           "\n";
  }
  return out;
}

}  // namespace

std::string spelled(const Model& model, TokenId token) {
  if (!model.has_tokenizer()) return std::to_string(token);
  return escape_controls(json_quote(model.tokenizer().decode(std::span(&token, 1))));
}

std::string probability_table(const Model& model, const std::vector<Alternative>& alternatives) {
  std::string out = "Next token probabilities:\n";
  for (const Alternative& next : alternatives) {
    const std::string name = next.text == " " ? "\" \" (space)" : spelled(model, next.token);
    out += "  " + bold(name) + ": " + fixed(next.probability, 4);
    if (stdout_is_terminal()) out += " " + by_probability(next.probability, bar(next.probability));
    if (std::abs(next.processed_probability - next.probability) > 5e-5) {
      out += dim(" (" + fixed(next.processed_probability, 4) + " with the options)");
    }
    out += "\n";
  }
  return out;
}

std::string trace_table(const Model& model, const Completion& completion) {
  std::string out;
  for (std::size_t i = 0; i < completion.trace.size(); ++i) {
    const TokenTrace& trace = completion.trace[i];
    const std::string number = std::to_string(i + 1);
    out += std::string(number.size() < 4 ? 4 - number.size() : 0, ' ') + number + "   " +
           by_probability(trace.candidates[0].probability, padded(spelled(model, completion.token_ids[i]), 24)) +
           before_and_after(trace.candidates[0]) + ", rank " + std::to_string(trace.rank) + ", entropy " +
           fixed(trace.entropy, 2) + " -> " + fixed(trace.processed_entropy, 2) + ", " + std::to_string(trace.n_left) +
           " left\n";
    out += step_lines(trace) + other_lines(model, trace);
  }
  return out;
}

}  // namespace skald::cli
