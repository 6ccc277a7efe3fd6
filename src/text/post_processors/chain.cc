#include "text/post_processors/types.h"
#include "text/stage.h"

namespace skald::text {
namespace {

constexpr StageType<PostProcessor> kTypes[] = {
    {"TemplateProcessing", make_as<TemplateProcessing, PostProcessor>},
    {"ByteLevel", make_as<ByteLevelProcessing, PostProcessor>},
    {"BertProcessing", make_as<BertProcessing, PostProcessor>},
    {"RobertaProcessing", make_as<RobertaProcessing, PostProcessor>},
};

}  // namespace

PostProcessorChain::PostProcessorChain(const json::Fields& fields, const TokenLookup& tokens) {
  append_stages<PostProcessor>(fields, "processors", kTypes, stages_);
  std::vector<TokenId> ids;
  std::size_t adding = 0;
  for (const auto& stage : stages_) {
    const std::size_t before = ids.size();
    stage->added_ids(ids);
    if (ids.size() > before) ++adding;
  }
  if (adding > 1) {
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = fields.name("processors"),
                                       .value = std::to_string(adding) + " that add tokens",
                                       .rule = "one post-processor of a Sequence may add tokens"});
  }
  added_count_ = ids.size();
  for (const TokenId id : ids) {
    if (tokens.is_token(id)) continue;
    throw FormatError(ErrorFields{.file = fields.file(),
                                  .field = "post_processor",
                                  .value = std::to_string(id),
                                  .rule = "an id that the post-processor adds must be a token"});
  }
}

void PostProcessorChain::process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
                                 Encoding& encoding) const {
  for (const auto& stage : stages_) stage->process(text, tokens, add_special_tokens, encoding);
}

}  // namespace skald::text
