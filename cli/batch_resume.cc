#include "batch_resume.h"

#include <charconv>

#include "json_object.h"
#include "skald/error.h"
#include "skald/text.h"

namespace skald::cli {
namespace {

constexpr std::string_view kIndexMember = "{\"prompt_index\": ";
constexpr std::string_view kEventLine = "{\"event\": ";

// The prompt that an output line answers.
std::int64_t answered_prompt(std::string_view line, const std::string& place) {
  std::int64_t index = -1;
  if (line.starts_with(kIndexMember)) {
    line.remove_prefix(kIndexMember.size());
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
    const std::size_t read = static_cast<std::size_t>(end - line.data());
    if (error == std::errc() && index >= 0 && line.substr(read).starts_with(", ") && line.ends_with('}')) return index;
  }
  throw FormatError({.file = place,
                     .value = quoted(line),
                     .rule = line.starts_with(kEventLine)
                                 ? "is an event: --resume goes on with what was written without --events"
                                 : "is no answer of --batch-file: give the --output-file of that run, or leave out "
                                   "--resume"});
}

}  // namespace

PromptLine parse_prompt_line(std::string_view line, const std::string& place) {
  if (line[line.find_first_not_of(" \t\r")] != '{') return {.prompt = json_prompt(line, place), .options = {}};
  JsonObject prompt;
  JsonObject options;
  for (const JsonMember& member : json_members(line, place)) {
    (member.key == "prompt" ? prompt : options).add_raw(member.key, member.value);
  }
  GenerationConfig config = GenerationConfig::from_json(options.text(), place);  // names a "text" that is meant for one
  return {.prompt = json_prompt(prompt.text(), place), .options = std::move(config)};
}

std::optional<std::string_view> next_line(LineReader& lines) {
  auto line = lines.next();
  while (line && is_blank(*line)) line = lines.next();
  return line;
}

ResumePoint find_resume_point(const std::string& path) {
  LineReader lines(path);
  ResumePoint point;
  std::int64_t last = -1;
  std::uint64_t begin = 0;
  while (const auto line = lines.next()) {
    if (!lines.ended()) break;  // torn
    const std::int64_t prompt = answered_prompt(*line, lines.place());
    if (prompt != last) point = {.prompt = prompt, .bytes = begin};
    if (prompt != last && prompt != last + 1) {
      throw FormatError(
          {.file = lines.place(),
           .field = "prompt_index",
           .value = std::to_string(prompt),
           .rule = "must be " + std::to_string(last + 1) + ": answers stand in the order of the prompts"});
    }
    last = prompt;
    begin = lines.consumed();
  }
  return point;
}

}  // namespace skald::cli
