// The option table: every option of text generation is described once, in one row of options.cc. A row makes the flag,
// the JSON field, the range check, the conversions of GenerationConfig and the line of the reference page.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// The member of GenerationConfig that an option sets.
using OptionMember = std::variant<
    std::optional<std::int64_t> GenerationConfig::*, std::optional<double> GenerationConfig::*,
    std::optional<bool> GenerationConfig::*, std::optional<std::uint64_t> GenerationConfig::*,
    std::optional<TokenId> GenerationConfig::*, std::optional<std::string> GenerationConfig::*,
    std::optional<std::vector<TokenId>> GenerationConfig::*,
    std::optional<std::vector<std::string>> GenerationConfig::*,
    std::optional<std::vector<std::vector<TokenId>>> GenerationConfig::*,
    std::optional<std::vector<SequenceBias>> GenerationConfig::*, std::optional<LengthDecay> GenerationConfig::*,
    std::optional<EarlyStopping> GenerationConfig::*, std::optional<LengthPenaltyForm> GenerationConfig::*,
    std::optional<std::vector<ForcedWord>> GenerationConfig::*, std::optional<DraftSchedule> GenerationConfig::*,
    std::optional<std::vector<std::vector<TextOrIds>>> GenerationConfig::*,
    std::optional<std::vector<TextOrIds>> GenerationConfig::*, std::optional<std::vector<Segment>> GenerationConfig::*,
    std::optional<std::vector<Attribute>> GenerationConfig::*,
    std::optional<std::vector<LogitBias>> GenerationConfig::*, std::optional<WatermarkingConfig> GenerationConfig::*,
    std::optional<std::vector<ExpertTerm>> GenerationConfig::*, std::optional<DolaLayers> GenerationConfig::*,
    std::optional<std::map<std::string, double>> GenerationConfig::*, std::optional<LayerRange> GenerationConfig::*>;

struct Option {
  OptionInfo info;  // type and range follow from the member and the bounds
  OptionMember member;
  double low = 0;
  double high = 0;
  bool low_open = false;  // `low` itself is out of range
};

/// Every option, in the order of the reference page.
std::span<const Option> option_table();

/// The option with this name, flag or alias ("top_p", "--top-p", "max_tokens"); nullptr for none.
const Option* find_option(std::string_view name);

/// Sets an option from a JSON value, after checking type and range. `file` and `name` are for the error.
void assign(GenerationConfig& config, const Option& option, const json::Value& value, const std::string& file,
            std::string_view name);

/// The option's value in `config` as JSON; null where it is unset.
json::Value value_of(const GenerationConfig& config, const Option& option);

/// "is not an option of text generation; did you mean top_p?"
std::string unknown_option_rule(std::string_view name);

/// Throws OptionError where a member that is set is out of its range.
void check(const GenerationConfig& config);

/// What to do with a field of a configuration that nobody knows.
enum class UnknownFields { refuse, notice };

/// Reads the members of `json` into a configuration. Fields of transformers that would change the result and are not
/// acted on are refused. Unknown ones are refused or told to the log.
GenerationConfig read_generation_config(const json::Value& json, const std::string& file, UnknownFields unknown);

/// The generation settings that old config.json files hold among the model's own; other fields are passed over.
GenerationConfig read_legacy_settings(const json::Value& config_json, const std::string& file);

/// docs/options.md.
std::string option_reference();

}  // namespace skald::decode
