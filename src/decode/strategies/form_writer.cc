#include "decode/strategies/form_writer.h"

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

FormWriter::FormWriter(const SamplingRequest& request, LanguageModel& model, Output& output)
    : request_(&request),
      output_(&output),
      source_(model, request.prompt, request.guidance.get()),
      history_(request.visible()),
      text_(*request.tokenizer, /*skip_special_tokens=*/true),
      stops_(nullptr, /*keep=*/true) {
  for (const Segment& segment : *request.config.segments) configs_.push_back(config_of(segment, request.config));
  completion() = request.begun(0);
  segment_ = configs_.size();  // before the first
  next_segment({}, FinishReason::length, nullptr);
}

FormWriter::FormWriter(const FormWriter& other, LogitsSource source)
    : request_(other.request_),
      output_(other.output_),
      source_(std::move(source)),
      history_(other.history_),
      configs_(other.configs_),
      segment_(other.segment_),
      segment_tokens_(other.segment_tokens_),
      chain_(other.chain_),
      text_(other.text_),
      stops_(other.stops_) {}

FormWriter FormWriter::fork(std::int64_t index, Output& output) const {
  FormWriter other(*this, source_.fork());
  other.output_ = &output;
  output = *output_;
  output.completion.index = index;
  return other;
}

StepContext FormWriter::context() const {
  return {.history = history_,
          .prompt_length = std::ssize(history_) - n_generated(),
          .step = n_generated(),
          .row = static_cast<std::int32_t>(request_->prompt_index * request_->config.num_return_sequences.value_or(1) +
                                           output_->completion.index)};
}

TokenLogprob FormWriter::choose(std::span<float> logits, std::span<const float> raw, Scratch& scratch) const {
  const StepContext step = context();
  if (!request_->config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step.step);
  if (request_->config.logprobs) scratch.raw_logits.assign(raw.begin(), raw.end());
  scratch.candidates.reset(logits);
  chain_.apply(step, scratch.candidates);
  const DrawKey key{.seed = request_->seed,
                    .completion = static_cast<std::uint32_t>(output_->completion.index),
                    .step = static_cast<std::uint32_t>(step.step)};
  TokenLogprob next;
  next.token = config().do_sample.value_or(false) ? draw(scratch.candidates, key) : scratch.candidates.argmax();
  if (next.token < 0) throw_none_left(step.step);
  if (request_->config.logprobs) report_logprob(scratch.raw_logits, *request_->config.logprobs, next);
  return next;
}

void FormWriter::advance(std::span<float> logits, std::span<const float> raw, Scratch& scratch) {
  completion().model_passes += 1;
  const TokenLogprob next = choose(logits, raw, scratch);
  const bool is_last = segment_ + 1 == configs_.size();
  if (const char* const by = request_->stop_of(next.token)) {
    if (is_last) {
      push(next);
      completion().stop_token = next.token;
    }
    return next_segment({}, FinishReason::stop, by);
  }
  const text::Detokenizer before = text_;
  const std::string piece(text_.push(next.token));
  std::string kept;  // of the piece and what was held back for a stop
  const bool stopped = stops_.push(piece, kept);
  // The matcher lets text out late: what it leaves of this piece is what is not behind the stop.
  const std::size_t behind = stopped ? stops_.bytes_behind() : 0;
  if (behind == 0) {
    completion().text += piece;
    push(next);
    ++segment_tokens_;
    if (stopped) return next_segment({}, FinishReason::stop, "stop_strings");
    if (segment_tokens_ >= *config().max_new_tokens) {
      return next_segment({}, FinishReason::length, request_->length_option());
    }
    static_cast<void>(end_where_due());
    return;
  }
  // The token is written anew without what is behind the stop. What was held back before it has been told as tokens.
  text_ = before;
  text::Detokenizer pending = before;
  const std::size_t held = pending.finish().size();
  const std::size_t wanted = piece.size() - behind;
  next_segment(wanted > held ? piece.substr(held, wanted - held) : std::string(), FinishReason::stop, "stop_strings");
}

// Fixed texts up to the next segment that is generated, `fixed` before them; after the last one the completion ends.
void FormWriter::next_segment(std::string fixed, FinishReason last, const char* by) {
  const std::vector<Segment>& segments = *request_->config.segments;
  segment_ = segment_ == configs_.size() ? 0 : segment_ + 1;
  for (; segment_ < segments.size() && !segments[segment_].generate; ++segment_) {
    fixed += segments[segment_].text;
    last = FinishReason::stop;
    by = "segments";
  }
  write_fixed(fixed);
  if (finished()) return;
  if (segment_ == segments.size()) return finish(last, by);
  begin_segment();
}

void FormWriter::begin_segment() {
  segment_tokens_ = 0;
  const std::vector<std::string> stops = config().stop_strings.value_or(std::vector<std::string>{});
  stops_ = StopMatcher(stops.empty() ? nullptr : std::make_shared<const StopStrings>(stops), /*keep=*/true);
  ChainSetup setup = request_->chain_setup();
  if (config().min_new_tokens) setup.prompt_length = std::ssize(history_);  // of the segment
  chain_ = build_chain(config(), setup);
  for (const TokenId token : completion().token_ids) chain_.accept(token);
}

void FormWriter::write_fixed(const std::string& text) {
  if (text.empty()) return;
  for (const TokenId token : tokens_of(text, completion().token_ids.empty(), *request_->tokenizer)) {
    if (end_where_due()) return;
    completion().text += text_.push(token);
    push({.token = token, .top = {}});
  }
}

void FormWriter::push(const TokenLogprob& token) {
  completion().token_ids.push_back(token.token);
  if (request_->config.logprobs) completion().logprobs.push_back(token);
  history_.push_back(token.token);
  chain_.accept(token.token);
  source_.push(token.token);
}

bool FormWriter::end_where_due() {
  if (n_generated() >= request_->stops.max_new_tokens) {
    finish(FinishReason::length, request_->length_option(), request_->stops.max_new_notice);
  } else if (request_->stops.is_late()) {
    finish(FinishReason::time, "max_time", "stopped by max_time");
  } else if (request_->meets_criterion(output_->completion.index, history_)) {
    finish(FinishReason::stop, "stopping_criteria");
  }
  return finished();
}

void FormWriter::finish(FinishReason reason, const char* by, std::string_view notice) {
  if (finished()) return;
  completion().text += text_.finish();
  completion().finish_reason = reason;
  completion().stopped_by = by == nullptr ? "" : by;
  if (!notice.empty()) completion().notice = notice;
  output_->finished = true;
  source_.drop();
}

}  // namespace skald::decode
