#include "batch.h"

#include <filesystem>
#include <utility>

#include "batch_resume.h"
#include "json_object.h"
#include "request_options.h"
#include "skald/error.h"
#include "token_tables.h"

namespace skald::cli {
namespace {

// Enough that the engine always has rows to fill its steps with, few enough that memory does not grow.
constexpr std::size_t kWindowPrompts = 256;
constexpr std::size_t kWindowBytes = 64UL << 20;
constexpr std::size_t kMaxTold = 100;  // notices of one run

void refuse_same_file(const std::string& input, const std::string& output) {
  std::error_code ignored;
  if (input != "-" && std::filesystem::equivalent(input, output, ignored)) {
    throw OptionError({.field = "--output-file",
                       .value = quoted(output),
                       .rule = "is the file of --batch-file: its prompts would be written over"});
  }
}

// What the library says of an option names no line; what the reader of lines says does.
std::string with_place(const Error& error, const std::string& place) {
  const std::string text = error.what();
  return text.find(place) == std::string::npos ? place + ": " + text : text;
}

}  // namespace

Batch::Batch(BatchSettings settings) : settings_(std::move(settings)), lines_(settings_.input) {
  if (!settings_.output) return;
  refuse_same_file(settings_.input, *settings_.output);
  std::error_code ignored;
  const bool goes_on = settings_.resume && std::filesystem::exists(*settings_.output, ignored);
  if (goes_on) skip_answered();
  redirect_output(*settings_.output, /*append=*/goes_on);
}

void Batch::skip_answered() {
  const std::string& output = *settings_.output;
  const ResumePoint point = find_resume_point(output);
  std::int64_t n_lines = 0;
  do {  // the last prompt in the output is there, and answered anew
    pending_ = next_line(lines_);
  } while (pending_ && n_lines++ < point.prompt);
  if (!pending_ && n_lines > 0) {
    throw OptionError({.field = "--resume",
                       .value = quoted(output),
                       .rule = "answers " + std::to_string(point.prompt + 1) + " prompts, and " + settings_.input +
                               " has only " + std::to_string(n_lines)});
  }
  n_prompts_ = point.prompt;
  std::filesystem::resize_file(output, point.bytes);
}

int Batch::run(const Model& model, const GenerationConfig& config) {
  static_cast<void>(notices_of(model, config));  // options that no prompt can be answered with are the run's fault
  fill_window(model, config);
  while (!window_.empty()) {
    finish(model, window_.front());
    show_progress(window_.front());
    window_bytes_ -= window_.front().bytes;
    window_.pop_front();
    fill_window(model, config);
  }
  return end();
}

void Batch::show_progress(const Job& job) {
  if (lines_.size() == 0 || stdout_is_terminal()) return;
  bar_.update(static_cast<double>(job.end) / static_cast<double>(lines_.size()));
}

void Batch::fill_window(const Model& model, const GenerationConfig& config) {
  while (!ended_ && window_.size() < kWindowPrompts && window_bytes_ < kWindowBytes) {
    const auto line = pending_ ? std::exchange(pending_, std::nullopt) : next_line(lines_);
    ended_ = !line;
    if (!line) return;
    Job& job = window_.emplace_back(
        Job{.index = n_prompts_++, .bytes = line->size(), .end = lines_.consumed(), .place = lines_.place()});
    window_bytes_ += job.bytes;
    start(model, config, *line, job);
  }
}

void Batch::start(const Model& model, const GenerationConfig& config, std::string_view line, Job& job) {
  try {
    PromptLine parsed = parse_prompt_line(line, job.place);
    if (!settings_.json && stdout_is_terminal()) job.shown_prompt = prompt_text(model, parsed.prompt);
    const auto show = [this, index = job.index](const StreamEvent& event) {
      const std::lock_guard lock(mutex_);
      timer_.count(event);
      if (!settings_.events) return;
      StreamEvent numbered = event;
      numbered.prompt_index = index;
      write_output(event_json(numbered));
    };
    job.generation =
        model.submit({std::move(parsed.prompt)}, parsed.options.over(config), show, Door::generate_command);
  } catch (const Error& error) {
    job.error = with_place(error, job.place);
  }
}

void Batch::finish(const Model& model, Job& job) {
  std::vector<Completion> completions;
  try {
    if (job.generation) completions = job.generation->wait();
  } catch (const CancelledError&) {
    throw;
  } catch (const Error& error) {
    job.error = with_place(error, job.place);
  }
  job.generation.reset();
  const std::lock_guard lock(mutex_);
  if (!job.error.empty()) return fail(job);
  std::string text;
  for (Completion& completion : completions) {
    completion.prompt_index = job.index;
    timer_.add(completion);
    text += settings_.json ? completion_json(completion, settings_.timings) : shown(model, job, completion);
    if (completion.finish_reason == FinishReason::error && completion.index == 0) ++n_failed_;
    if (!completion.notice.empty()) notify(completion.notice);
  }
  write_output(text);
}

std::string Batch::shown(const Model& model, const Job& job, const Completion& completion) {
  std::string text = dim(completion_head(completion)) + "\n" + dim(job.shown_prompt) +
                     completion_text(completion, model.has_tokenizer()) + "\n";
  if (!completion.trace.empty()) text += "\n" + trace_table(model, completion);
  return text;
}

void Batch::fail(const Job& job) {
  if (n_failed_++ == 0) first_failure_ = job.error;
  if (settings_.json) {
    write_output(JsonObject().add("prompt_index", job.index).add("error", job.error).line());
  } else {
    write_notice(job.error);
  }
}

void Batch::notify(const std::string& line) {
  if (!settings_.quiet && told_.size() < kMaxTold && told_.insert(line).second) write_notice(line);
}

int Batch::end() {
  if (n_prompts_ == 0) {
    throw FormatError({.file = settings_.input == "-" ? "standard input" : settings_.input,
                       .rule = "holds no prompt: one JSON string a line is needed"});
  }
  if (settings_.timings) write_notice(timer_.summary());
  if (n_failed_ == 0) return 0;
  write_notice(std::to_string(n_failed_) + " of " + std::to_string(n_prompts_) + " prompts failed" +
               (first_failure_.empty() || !settings_.json ? "" : ", the first: " + first_failure_));
  return 1;
}

}  // namespace skald::cli
