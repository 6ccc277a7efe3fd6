// One completion as its tokens come: history, text, log-probabilities, and when it ends.
#pragma once

#include <optional>
#include <vector>

#include "decode/sampling_request.h"
#include "decode/step_note.h"
#include "decode/strategy.h"
#include "decode/text_stream.h"

namespace skald::decode {

class CompletionWriter {
 public:
  /// Writes into `output`. Both arguments must outlive it. `takes_back`: the last tokens may be taken back; they are
  /// not told before that is past.
  CompletionWriter(const SamplingRequest& request, std::int64_t index, Output& output, bool takes_back = false);

  /// Takes the next token. Returns why the completion ends with it, if it does: then close() is due.
  [[nodiscard]] std::optional<FinishReason> append(const TokenLogprob& token);
  /// The same with all that was asked for beside it.
  [[nodiscard]] std::optional<FinishReason> append(const StepNote& note);
  void close(FinishReason reason, std::string_view notice = {});
  [[nodiscard]] const StepNotes& notes() const { return notes_; }
  /// Where arrays of the steps are kept; null: none are.
  [[nodiscard]] StepOutputs* arrays() const { return arrays_.get(); }
  [[nodiscard]] bool can_take_back() const { return !undo_.empty(); }
  /// Undoes the last append(), which returned nothing. Returns its token.
  TokenId take_back();

  [[nodiscard]] const std::vector<TokenId>& history() const { return history_; }  // visible prompt and what followed
  [[nodiscard]] std::int64_t n_generated() const { return std::ssize(output_->completion.token_ids); }
  [[nodiscard]] bool finished() const { return output_->finished; }
  /// What processors may know of the next step.
  [[nodiscard]] StepContext context() const;

 private:
  struct Undo {  // what was before a token
    TextStream text;
    std::size_t text_bytes;
  };
  [[nodiscard]] FinishReason end(FinishReason reason, std::string_view by) const;
  void remember();

  const SamplingRequest* request_;
  std::vector<TokenId> history_;
  TextStream text_;
  StepNotes notes_;
  std::shared_ptr<StepOutputs> arrays_;  // null: none are kept
  bool takes_back_;
  std::vector<Undo> undo_;  // of the last tokens
  Output* output_;
};

}  // namespace skald::decode
