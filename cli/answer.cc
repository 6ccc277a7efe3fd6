#include "answer.h"

#include "completion_output.h"
#include "live_text.h"
#include "terminal.h"
#include "token_tables.h"

namespace skald::cli {
namespace {

using Completions = std::vector<Completion>;

Completions stream_text(const Model& model, const Prompt& prompt, const GenerationConfig& config, CallTimer& timer) {
  LiveText live;
  if (stdout_is_terminal()) live.begin_with(prompt_text(model, prompt));
  Generation generation = model.submit(
      {prompt}, config,
      [&](const StreamEvent& event) {
        timer.count(event);
        live.show(event);
      },
      Door::generate_command);
  Completions completions = generation.wait();
  write_output("\n");
  if (!completions[0].trace.empty()) write_output("\n" + trace_table(model, completions[0]));
  return completions;
}

Completions write_json(const Model& model, const Prompt& prompt, const GenerationConfig& config,
                       const AnswerSettings& settings, CallTimer& timer) {
  OrderedJsonLines lines(settings.stats);
  Generation generation = model.submit(
      {prompt}, config,
      [&](const StreamEvent& event) {
        timer.count(event);
        if (settings.events) write_output(event_json(event));
        if (event.finished != nullptr) lines.add(*event.finished);
      },
      Door::generate_command);
  return generation.wait();
}

Completions write_text(const Model& model, const Prompt& prompt, const GenerationConfig& config, CallTimer& timer) {
  Generation generation = model.submit(
      {prompt}, config, [&timer](const StreamEvent& event) { timer.count(event); }, Door::generate_command);
  Completions completions = generation.wait();
  for (const Completion& completion : completions) {
    if (completions.size() > 1) write_output(dim(completion_head(completion)) + "\n");
    if (stdout_is_terminal()) write_output(dim(prompt_text(model, prompt)));
    write_output(completion_text(completion, model.has_tokenizer()) + "\n");
    if (!completion.trace.empty()) write_output("\n" + trace_table(model, completion));
  }
  return completions;
}

int finish(const Completions& completions, CallTimer& timer, const AnswerSettings& settings) {
  int code = 0;
  for (const Completion& completion : completions) {
    timer.add(completion);
    const bool failed = completion.finish_reason == FinishReason::error;
    if (failed) code = 1;
    if (failed || (!completion.notice.empty() && !settings.quiet)) write_notice(completion.notice);
  }
  if (settings.stats) write_notice(timer.summary());
  return code;
}

}  // namespace

int answer(const Model& model, const Prompt& prompt, const GenerationConfig& config, const AnswerSettings& settings) {
  const std::int64_t samples = config.over(model.generation_config()).num_return_sequences.value_or(1);
  const bool streams = samples == 1 && model.has_tokenizer() && !settings.no_stream;
  CallTimer timer;
  const Completions completions = settings.json ? write_json(model, prompt, config, settings, timer)
                                  : streams     ? stream_text(model, prompt, config, timer)
                                                : write_text(model, prompt, config, timer);
  return finish(completions, timer, settings);
}

}  // namespace skald::cli
