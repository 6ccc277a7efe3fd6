#include "hub/gguf_choice.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "skald/error.h"

namespace skald::hub {
namespace {

constexpr std::string_view kEnding = ".gguf";
constexpr std::size_t kPartBytes = std::string_view("-00001-of-00003").size();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The name without ".gguf" and "-00001-of-00003".
std::string stem_of(std::string_view name) {
  name.remove_suffix(kEnding.size());
  if (name.size() <= kPartBytes) return std::string(name);
  const std::string_view part = name.substr(name.size() - kPartBytes);
  const bool is_part = part[0] == '-' && std::ranges::all_of(part.substr(1, 5), is_digit) &&
                       part.substr(6, 4) == "-of-" && std::ranges::all_of(part.substr(10), is_digit);
  return std::string(is_part ? name.substr(0, name.size() - kPartBytes) : name);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// "tiny-Q4_K_M" and "tiny.q4_k_m" are of Q4_K_M, "tiny-IQ4_K_M" is not.
bool is_of(const std::string& stem, std::string_view quantization) {
  const std::string name = lower(stem), wanted = lower(quantization);
  if (!name.ends_with(wanted)) return false;
  const std::size_t before = name.size() - wanted.size();
  return before == 0 || std::isalnum(static_cast<unsigned char>(name[before - 1])) == 0;
}

}  // namespace

std::vector<std::string> choose_gguf(const std::vector<std::string>& names, std::string_view quantization,
                                     const std::string& model) {
  std::map<std::string, std::vector<std::string>> models;  // by stem
  for (const std::string& name : names) {
    const bool is_projector = name.find("mmproj") != std::string::npos;
    if (name.ends_with(kEnding) && !is_projector) models[stem_of(name)].push_back(name);
  }
  if (models.empty()) return {};
  if (models.size() == 1 && quantization.empty()) return models.begin()->second;
  for (auto& [stem, parts] : models) {
    if (!is_of(stem, quantization.empty() ? "Q4_K_M" : quantization)) continue;
    std::ranges::sort(parts);
    return parts;
  }
  std::string known;
  for (const auto& [stem, parts] : models) known += (known.empty() ? "" : ", ") + stem;
  throw OptionError({.field = model,
                     .value = std::string(quantization),
                     .rule = "which of its GGUF files is meant? Name one as " + model + ":Q8_0; it has " + known});
}

}  // namespace skald::hub
