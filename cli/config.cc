// skald config explain: which options are in force, what each does, and who said so.
#include <algorithm>
#include <map>

#include "command.h"
#include "generation_flags.h"
#include "json_object.h"
#include "request_options.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

struct InForce {
  std::string name;
  std::string value;  // JSON
  std::string source;
  std::string_view meaning;
};

class Config final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "config",
            .summary = "Explain the options that a generation would run with.",
            .synopsis = "explain [MODEL] [FLAGS OF generate]",
            .details =
                "Takes the options of `skald generate` and generates nothing. Each option that is in force stands with "
                "its value, where it comes from and what it does: a flag goes before --config, that before --preset, "
                "that before the model's generation_config.json, and that before the command's own defaults.\n"
                "Options that have no effect are told, and those that contradict each other are refused (exit code 2).",
            .examples =
                "skald config explain\n"
                "skald config explain --preset translation --num-beams 3\n"
                "skald config explain path/to/model --config my.json --temperature 0.5 --json"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Output");
    flags.toggle("--json", json_, "Write one JSON object.");
    flags.toggle("--quiet,-q", quiet_, "No warnings and notices on standard error.");
    options_.add_to(flags);
    load_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    if (positional.empty() || positional[0] != "explain") {
      throw OptionError("`skald config` has one subcommand: skald config explain [MODEL] [FLAGS OF generate]");
    }
    show_log(quiet_);
    options_.read(/*escape=*/false);
    const Model model = load_.load(model_path({positional.begin() + 1, positional.end()}));
    const std::vector<InForce> options = in_force(model.generation_config());
    std::vector<Notice> notices;
    std::optional<OptionError> contradiction;
    try {
      notices = notices_of(model, options_.request());
    } catch (const OptionError& error) {
      contradiction = with_flag_name(error);
    }
    json_ ? write_json(options, notices, contradiction) : write_text(options, notices);
    if (contradiction) throw OptionError(*contradiction);
    return 0;
  }

 private:
  [[nodiscard]] std::vector<InForce> in_force(const GenerationConfig& model) const;
  static void write_text(const std::vector<InForce>& options, const std::vector<Notice>& notices);
  static void write_json(const std::vector<InForce>& options, const std::vector<Notice>& notices,
                         const std::optional<OptionError>& contradiction);

  bool json_ = false;
  bool quiet_ = false;
  RequestOptions options_;
  LoadFlags load_;
};

using ValueAndSource = std::pair<std::string, std::string>;

// What options switch on or off that nobody gave: beams and contrastive search do not sample, a temperature does;
// max_length is a limit of its own.
void add_implied(const GenerationConfig& request, std::map<std::string, ValueAndSource>& values) {
  const bool searches = request.num_beams.value_or(1) > 1 || request.penalty_alpha.value_or(0) > 0;
  if (request.max_length && !request.max_new_tokens) values.erase("max_new_tokens");
  if (!request.do_sample && request.temperature) {
    values["do_sample"] = {*request.temperature > 0 ? "true" : "false", "follows from temperature"};
  } else if (!request.do_sample && searches) {
    const bool beams = request.num_beams.value_or(1) > 1;
    values["do_sample"] = {"false", std::string("follows from ") + (beams ? "num_beams" : "penalty_alpha")};
  }
}

std::vector<InForce> Config::in_force(const GenerationConfig& model) const {
  GenerationConfig defaults = door_defaults(Door::generate_command);
  if (model.max_length) defaults.max_new_tokens.reset();
  std::map<std::string, ValueAndSource> values;
  const std::pair<const char*, const GenerationConfig&> ranks[] = {{"default of the command", defaults},
                                                                   {"generation_config.json of the model", model},
                                                                   {"--preset", options_.preset()},
                                                                   {"--config", options_.file()},
                                                                   {"flag", options_.flags()}};
  for (const auto& [source, config] : ranks) {
    for (const JsonMember& member : json_members(config.to_json(), source)) {
      values[member.key] = {member.value, source};
    }
  }
  add_implied(options_.request(), values);
  std::vector<InForce> out;
  for (const auto table : {generation_options(), passive_options()}) {  // in the order of the table
    for (const OptionInfo& info : table) {
      const auto found = values.find(std::string(info.name));
      if (found != values.end()) {
        out.push_back({found->first, found->second.first, found->second.second, info.meaning});
      }
    }
  }
  return out;
}

void Config::write_text(const std::vector<InForce>& options, const std::vector<Notice>& notices) {
  const std::size_t width = std::min<std::size_t>(stdout_is_terminal() ? terminal_columns() : 100, 120);
  std::string out;
  for (const InForce& option : options) {
    out += bold(option.name) + " = " + for_output(option.value) + dim("  (" + option.source + ")") + "\n    " +
           wrap(option.meaning, std::max<std::size_t>(width, 30) - 4, 4) + "\n";
  }
  for (const Notice& notice : notices) {
    out += "\n" + for_output(notice.option + " = " + notice.value + ": " + notice.message) + "\n";
  }
  write_output(out);
}

void Config::write_json(const std::vector<InForce>& options, const std::vector<Notice>& notices,
                        const std::optional<OptionError>& contradiction) {
  JsonObject object;
  object.add_raw("options", json_array(options, [](const InForce& option) {
                   return JsonObject()
                       .add("name", option.name)
                       .add_raw("value", option.value)
                       .add("source", option.source)
                       .add("meaning", option.meaning)
                       .text();
                 }));
  object.add_raw("notices", json_array(notices, [](const Notice& notice) {
                   return JsonObject()
                       .add("option", notice.option)
                       .add_raw("value", notice.value)
                       .add("message", notice.message)
                       .text();
                 }));
  object.add_raw("error", contradiction ? json_quote(contradiction->what()) : "null");
  write_output(object.line());
}

}  // namespace

std::unique_ptr<Command> make_config() { return std::make_unique<Config>(); }

}  // namespace skald::cli
