#include "generation_flags.h"

#include "command.h"
#include "input.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr int kMaxThreads = 1024;

int parse_bits(const std::string& name, const std::string& value, int least) {
  for (int bits = 32; bits >= least; bits /= 2) {
    if (value == std::to_string(bits)) return bits;
  }
  throw OptionError(
      {.field = name, .value = quoted(value), .rule = least == 4 ? "must be 32, 16, 8 or 4" : "must be 32, 16 or 8"});
}

void check_device(const std::string& name, const std::string& value) {
  if (value == "cpu" || value == "auto") return;
  throw UnsupportedError(
      {.field = name, .value = quoted(value), .rule = "this version computes on the processor: cpu"});
}

// The library says what is wrong in its own words; the user reads the flag that was typed.
void set_option(GenerationConfig& config, const OptionInfo& option, const std::string& flag, const std::string& value) {
  try {
    config.set(option.name, value);
  } catch (const OptionError& error) {
    ErrorFields fields = error.fields();
    fields.file.clear();
    fields.field = flag;
    throw OptionError(std::move(fields));
  }
}

std::string all_names(const OptionInfo& option) {
  std::string names(option.flag);
  if (!option.aliases.empty()) names += "," + std::string(option.aliases);
  return names;
}

}  // namespace

OptionError with_flag_name(const OptionError& error) {
  ErrorFields fields = error.fields();
  for (const OptionInfo& option : generation_options()) {
    if (fields.file.empty() && fields.field == option.name) fields.field = option.flag;
  }
  return OptionError(std::move(fields));
}

void LoadFlags::add_to(Flags& flags) {
  flags.group("Loading");
  flags.integer("--threads", options_.threads, 1, kMaxThreads,
                "Threads to compute with. Default: all processors that the process may use.");
  flags.add("--bits", "B",
            "Bits of a weight: 32, 16, 8 or 4. Default: as stored, or the next smaller that fits in memory.",
            [this](const std::string& name, const std::string& value) { options_.bits = parse_bits(name, value, 4); });
  flags.add(
      "--kv-bits", "B",
      "Bits of a key or value: 32, 16, or 8 with one scale per token and head. Default: 32 with weights of 32, "
      "else 16.",
      [this](const std::string& name, const std::string& value) { options_.kv_bits = parse_bits(name, value, 8); });
  flags.add("--device", "D", "Where to compute: cpu, the only one in this version.", check_device);
  flags.integer("--prefill-chunk", options_.prefill_chunk, 1, 65536,
                "Tokens that one step takes, as far as prompts can wait; changes memory and speed, never the text. "
                "Default: 512.");
  flags.integer("--kv-memory", kv_mib_, 1, std::int64_t{1} << 24,
                "MiB of memory for keys and values, what is kept of earlier prompts included; never changes the text. "
                "Default: 70 % of what is free.");
  flags.add(
      "--lora", "DIR[=SCALE]",
      "Folder or name of a LoRA adapter that requests may name with --adapter, by its last part; a single one is used "
      "unasked. "
      "Several with commas between them are summed to one: --lora a=0.7,b=0.3 is called a+b.",
      [this](const std::string&, const std::string& value) { options_.adapters.push_back(value); },
      /*repeatable=*/true);
  flags.add(
      "--draft-model", "DIR",
      "Folder or name of a smaller model that drafts tokens for this one: the same text, sooner where it guesses well.",
      [this](const std::string&, const std::string& value) { options_.draft = value; });
  const auto named = [&flags](std::string_view flag, const char* kind, std::string help, const std::string& example,
                              std::map<std::string, std::string>& target) {
    const std::string rule = "must be NAME=" + std::string(kind) + ", for example " + example;
    const auto set = [rule, &target](const std::string& name, const std::string& value) {
      const std::size_t equals = value.find('=');
      if (equals == 0 || equals == std::string::npos || equals + 1 == value.size()) {
        throw OptionError({.field = name, .value = value, .rule = rule});
      }
      target[value.substr(0, equals)] = value.substr(equals + 1);
    };
    flags.add(flag, "NAME=" + std::string(kind), std::move(help), set, /*repeatable=*/true);
  };
  named("--expert", "DIR", "Folder or name of a model that --experts may name, with the same tokenizer.",
        "kind=path/to/model", options_.experts);
  named(
      "--control-vector", "FILE",
      "GGUF file of a control vector that --control-vectors may name (`skald control` makes one); a single one is used "
      "unasked, at strength 1.",
      "cheerful=cheerful.gguf", options_.control_vectors);
  flags.toggle("--strict", options_.strict, "Refuse a model with tensors that its architecture does not read.");
  flags.toggle("--check-weights", options_.check_weights, "Report weights that are not finite numbers.");
}

Model LoadFlags::load(const std::string& path) const {
  LoadOptions options = options_;
  for (const std::string& adapter : options.adapters) {
    for (const std::string& folder : adapter_folders(adapter)) fetched_model(folder);
  }
  if (!options.draft.empty()) options.draft = fetched_model(options.draft);
  for (auto& [name, folder] : options.experts) folder = fetched_model(folder);
  ProgressBar bar("loading");
  options.kv_budget_bytes = static_cast<std::size_t>(kv_mib_) << 20;
  options.progress = [&bar](double fraction) { bar.update(fraction); };
  return Model::load(path, options);
}

void GenerationFlags::add_to(Flags& flags) {
  for (const auto options : {generation_options(), passive_options()}) {
    for (const OptionInfo& option : options) {
      flags.group(std::string(option.group));
      if (option.type == "boolean") {
        add_switch(flags, option);
      } else {
        add_option(flags, option);
      }
    }
  }
}

void GenerationFlags::add_option(Flags& flags, const OptionInfo& option) {
  const std::string placeholder = option.type == "integer"  ? "N"
                                  : option.type == "number" ? "X"
                                  : option.type == "ids"    ? "IDS"
                                  : option.type == "json"   ? "JSON"
                                                            : "TEXT";
  const std::string range = option.range.empty() ? "" : " Range: " + std::string(option.range) + ".";
  const bool is_text = option.type == "texts" || option.type == "list";  // may be given more than once
  flags.add(
      all_names(option), placeholder, std::string(option.meaning) + range,
      [this, &option, is_text](const std::string& name, const std::string& value) {
        if (is_text) {
          texts_.push_back({&option, name, value});
        } else {
          set_option(config_, option, name, value);
        }
      },
      is_text);
  if (option.name != "stop_strings") return;
  flags.many("--stop-tokens", "TEXT...", "The same, several at once: --stop-tokens . ! ?",
             [this, &option](const std::string& name, const std::string& value) {
               texts_.push_back({&option, name, value});
             });
}

// A switch "--do-sample" has an opposite, "--no-sample".
void GenerationFlags::add_switch(Flags& flags, const OptionInfo& option) {
  std::string stem = std::string(option.flag.substr(2));
  if (stem.starts_with("do-")) stem.erase(0, 3);
  flags.add(all_names(option), "", std::string(option.meaning),
            [this, &option](const std::string& name, const std::string&) { set_switch(option, name, "true"); });
  flags.add("--no-" + stem, "", "The opposite of " + std::string(option.flag) + ".",
            [this, &option](const std::string& name, const std::string&) { set_switch(option, name, "false"); });
}

// Which of two opposites counts would be a guess.
void GenerationFlags::set_switch(const OptionInfo& option, const std::string& flag, const std::string& value) {
  const auto [given, first] = switches_.emplace(option.name, flag);
  if (!first) throw OptionError(ErrorFields{.field = flag, .rule = "contradicts " + given->second});
  set_option(config_, option, flag, value);
}

GenerationConfig GenerationFlags::config(bool escape) const {
  GenerationConfig config = config_;
  for (const Text& text : texts_) {
    set_option(config, *text.option, text.flag, escape ? unescape(text.flag, text.value) : text.value);
  }
  return config;
}

}  // namespace skald::cli
