// From a text to a request that scores it.
#pragma once

#include <optional>

#include "engine/engine.h"
#include "models/decoder_model.h"
#include "skald/model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// What all texts of one call have in common.
struct ScoreSetup {
  const models::ModelShape& shape;
  const text::Tokenizer* tokenizer = nullptr;  // null: ids only
  const GenerationConfig& defaults;            // the model's own: which token a decoder begins with
  Engine& engine;
  std::int64_t n_top = 0;
  std::shared_ptr<const Conditions> conditions = std::make_shared<const Conditions>();

  /// Throws OptionError for what is no text of this model, LimitError for one that is too long.
  [[nodiscard]] Request make_request(const ScoreInput& input, std::int64_t index) const;
};

/// Of a request's completion.
TextScore text_score(const Completion& completion);

}  // namespace skald::engine
