#include "decode/strategies/segments.h"

#include <algorithm>
#include <utility>

#include "decode/constraints/text_prefix.h"
#include "decode/draw.h"
#include "decode/step_result.h"
#include "skald/error.h"
#include "text/token_bytes.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kRewrittenTokens = 16;  // of a segment: what may take the place of its last token

bool writes(std::span<const TokenId> tokens, const std::string& text, bool first, const text::TokenBytes& bytes) {
  std::string written;
  for (const TokenId token : tokens) {
    written += first ? bytes.first(token) : bytes.of(token);
    first = first && bytes.of(token).empty();
  }
  return written == text;
}

// The tokens that `text` has behind others, as the tokenizer would cut it there; else the fewest. They spell it
// exactly.
std::vector<TokenId> tokens_of(const std::string& text, bool first, const text::Tokenizer& tokenizer) {
  const text::TokenBytes& bytes = tokenizer.bytes();
  const text::EncodeOptions plain{.add_special_tokens = false, .parse_special = false};
  std::vector<TokenId> tokens = tokenizer.encode(text, plain).ids;
  if (writes(tokens, text, first, bytes)) return tokens;
  tokens = tokenizer.encode("\n" + text, plain).ids;  // some tokenizers begin every text with a space
  for (std::size_t n = 1; n < std::min<std::size_t>(tokens.size(), 4); ++n) {
    const std::span<const TokenId> rest = std::span(tokens).subspan(n);
    if (writes(rest, text, first, bytes)) return {rest.begin(), rest.end()};
  }
  const std::vector<bool> all_usable(static_cast<std::size_t>(tokenizer.id_limit()));
  tokens = PrefixPlan(bytes, text, all_usable).shortest();
  if (writes(tokens, text, /*first=*/false, bytes)) return tokens;
  throw OptionError({.field = "segments", .value = quoted(text), .rule = "cannot be written with the model's tokens"});
}

GenerationConfig config_of(const Segment& segment, const GenerationConfig& request) {
  if (!segment.generate) return {};
  GenerationConfig config = segment.generate->over(request);
  config.segments.reset();
  const GenerationConfig& own = *segment.generate;
  if (own.temperature && !own.do_sample) config.do_sample = *own.temperature > 1e-30;
  if (!own.stop_strings) config.stop_strings.reset();
  return config;
}

}  // namespace

std::int64_t longest_form(const std::vector<Segment>& segments, const text::Tokenizer& tokenizer) {
  std::int64_t n = 0;
  for (const Segment& segment : segments) {
    n += segment.generate ? *segment.generate->max_new_tokens + kRewrittenTokens
                          : std::ssize(tokens_of(segment.text, /*first=*/false, tokenizer)) + 1;
  }
  return n;
}

Segments::Segments(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      source_(model, request_.prompt, request_.guidance.get()),
      outputs_(1),
      history_(request_.visible()),
      text_(*request_.tokenizer, /*skip_special_tokens=*/true),
      stops_(nullptr, /*keep=*/true),
      scratch_(static_cast<std::size_t>(model.vocab_size(0))) {
  for (const Segment& segment : *request_.config.segments) configs_.push_back(config_of(segment, request_.config));
  completion() = request_.begun(0);
  segment_ = configs_.size();  // before the first
  next_segment({}, FinishReason::length);
}

StepContext Segments::context() const {
  return {.history = history_,
          .prompt_length = std::ssize(history_) - n_generated(),
          .step = n_generated(),
          .row = static_cast<std::int32_t>(request_.prompt_index)};
}

void Segments::plan(StepPlan& plan) { source_.plan(plan, 1, 0, {}, /*keep=*/true); }

void Segments::take(std::int32_t row, std::span<float> logits, Scratch& /*scratch*/) {
  static_cast<void>(source_.take(row, logits));
}

void Segments::choose(std::span<float> logits) {
  const StepContext step = context();
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step.step);
  if (request_.config.logprobs) scratch_.raw_logits.assign(logits.begin(), logits.end());
  scratch_.candidates.reset(logits);
  chain_.apply(step, scratch_.candidates);
  const DrawKey key{.seed = request_.seed, .step = static_cast<std::uint32_t>(step.step)};
  next_.token = config().do_sample.value_or(false) ? draw(scratch_.candidates, key) : scratch_.candidates.argmax();
  if (next_.token < 0) throw_none_left(step.step);
  if (request_.config.logprobs) report_logprob(scratch_.raw_logits, *request_.config.logprobs, next_);
}

void Segments::advance() {
  source_.commit();
  completion().model_passes += 1;
  choose(source_.kept(0));
  const bool is_last = segment_ + 1 == configs_.size();
  if (request_.stop_of(next_.token) != nullptr) {
    if (is_last) push(next_);
    return next_segment({}, FinishReason::stop);
  }
  const text::Detokenizer before = text_;
  const std::string piece(text_.push(next_.token));
  std::string kept;  // of the piece and what was held back for a stop
  const bool stopped = stops_.push(piece, kept);
  // The matcher lets text out late: what it leaves of this piece is what is not behind the stop.
  const std::size_t behind = stopped ? stops_.bytes_behind() : 0;
  if (behind == 0) {
    completion().text += piece;
    push(next_);
    ++segment_tokens_;
    if (stopped) return next_segment({}, FinishReason::stop);
    if (segment_tokens_ >= *config().max_new_tokens) return next_segment({}, FinishReason::length);
    if (at_the_end()) finish(FinishReason::length, request_.stops.max_new_notice);
    return;
  }
  // The token is written anew without what is behind the stop. What was held back before it has been told as tokens.
  text_ = before;
  text::Detokenizer pending = before;
  const std::size_t held = pending.finish().size();
  const std::size_t wanted = piece.size() - behind;
  next_segment(wanted > held ? piece.substr(held, wanted - held) : std::string(), FinishReason::stop);
}

// Fixed texts up to the next segment that is generated, `fixed` before them; after the last one the completion ends.
void Segments::next_segment(std::string fixed, FinishReason last) {
  const std::vector<Segment>& segments = *request_.config.segments;
  segment_ = segment_ == configs_.size() ? 0 : segment_ + 1;
  for (; segment_ < segments.size() && !segments[segment_].generate; ++segment_) {
    fixed += segments[segment_].text;
    last = FinishReason::stop;
  }
  write_fixed(fixed);
  if (finished()) return;
  if (segment_ == segments.size()) return finish(last, {});
  begin_segment();
}

void Segments::begin_segment() {
  segment_tokens_ = 0;
  const std::vector<std::string> stops = config().stop_strings.value_or(std::vector<std::string>{});
  stops_ = StopMatcher(stops.empty() ? nullptr : std::make_shared<const StopStrings>(stops), /*keep=*/true);
  ChainSetup setup = request_.chain_setup();
  if (config().min_new_tokens) setup.prompt_length = std::ssize(history_);  // of the segment
  chain_ = build_chain(config(), setup);
  for (const TokenId token : completion().token_ids) chain_.accept(token);
}

void Segments::write_fixed(const std::string& text) {
  if (text.empty()) return;
  for (const TokenId token : tokens_of(text, completion().token_ids.empty(), *request_.tokenizer)) {
    if (at_the_end()) return finish(FinishReason::length, request_.stops.max_new_notice);
    completion().text += text_.push(token);
    push({.token = token, .top = {}});
  }
}

void Segments::push(const TokenLogprob& token) {
  completion().token_ids.push_back(token.token);
  if (request_.config.logprobs) completion().logprobs.push_back(token);
  history_.push_back(token.token);
  chain_.accept(token.token);
  source_.push(token.token);
}

bool Segments::at_the_end() {
  if (n_generated() >= request_.stops.max_new_tokens) return true;
  const bool late = request_.stops.is_late();
  if (late) request_.stops.max_new_notice = "stopped by max_time";
  return late;
}

void Segments::finish(FinishReason reason, std::string_view notice) {
  if (finished()) return;
  completion().text += text_.finish();
  completion().finish_reason = reason;
  if (!notice.empty()) completion().notice = notice;
  outputs_[0].finished = true;
  source_.drop();
}

}  // namespace skald::decode
