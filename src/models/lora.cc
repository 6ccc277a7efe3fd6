#include "models/lora.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "formats/safetensors.h"
#include "formats/torch_checkpoint.h"
#include "json/fields.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::int64_t kMaxRank = 4096;
constexpr double kMaxAlpha = 1e9;
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kA = ".lora_A.weight";
constexpr std::string_view kB = ".lora_B.weight";

// What adapter_config.json says of the scales.
class LoraConfig {
 public:
  explicit LoraConfig(const json::Fields& fields) : fields_(fields) {
    refuse_other_kinds();
    rank_ = fields.need_integer("r", 1, kMaxRank);
    alpha_ = fields.get_number("lora_alpha", -kMaxAlpha, kMaxAlpha).value_or(8);
    square_root_ = fields.get_bool("use_rslora").value_or(false);
  }

  // Throws FormatError where the tensors' rank is not the one that the scale was made for.
  [[nodiscard]] float scale_of(const std::string& module, std::size_t rank) const {
    const double wanted = pattern("rank_pattern", module).value_or(static_cast<double>(rank_));
    if (wanted != static_cast<double>(rank)) {
      fields_.fail("r", "is not the rank of the weights of " + quoted(module) + ", " + std::to_string(rank));
    }
    const double alpha = pattern("alpha_pattern", module).value_or(alpha_);
    return static_cast<float>(alpha / (square_root_ ? std::sqrt(wanted) : wanted));
  }

 private:
  void refuse_other_kinds() const {
    const std::string type = fields_.get_string("peft_type").value_or("LORA");
    if (type != "LORA") refuse("peft_type", "only LORA adapters are read");
    if (fields_.get_bool("use_dora").value_or(false)) refuse("use_dora", "DoRA adapters are not read");
    if (fields_.get_bool("lora_bias").value_or(false)) refuse("lora_bias", "adapters with biases are not read");
    if (fields_.get_string("bias").value_or("none") != "none") refuse("bias", "adapters with biases are not read");
    const json::Value* const saved = fields_.find("modules_to_save");
    if (saved != nullptr && saved->is_array() && !saved->as_array().empty()) {
      refuse("modules_to_save", "adapters that replace whole modules are not read");
    }
  }

  [[noreturn]] void refuse(std::string_view key, std::string rule) const {
    throw UnsupportedError(ErrorFields{.file = fields_.file(),
                                       .field = std::string(key),
                                       .value = fields_.find(key)->describe(),
                                       .rule = std::move(rule)});
  }

  // The number of the first entry of `key` whose name is `module` or ends it at a dot.
  [[nodiscard]] std::optional<double> pattern(std::string_view key, const std::string& module) const {
    const auto patterns = fields_.get_object(key);
    if (!patterns) return std::nullopt;
    for (const json::Member& member : patterns->value().as_object()) {
      if (member.key.find_first_of("*+?[](){}^$|\\") != std::string::npos) {
        throw UnsupportedError(ErrorFields{.file = fields_.file(),
                                           .field = patterns->name(member.key),
                                           .rule = "must be (the end of) a module's name: expressions are not read"});
      }
      if (("." + module).ends_with("." + member.key)) return patterns->need_number(member.key, -kMaxAlpha, kMaxAlpha);
    }
    return std::nullopt;
  }

  json::Fields fields_;
  std::int64_t rank_ = 0;
  double alpha_ = 0;
  bool square_root_ = false;
};

std::vector<float> read_floats(const TensorSource& source, const TensorInfo& tensor) {
  std::vector<std::byte> stored(tensor.bytes);
  source.read(tensor, 0, stored);
  std::vector<float> values(tensor.bytes * 8 / static_cast<std::size_t>(dtype_bits(tensor.dtype)));
  convert_to_float(tensor.dtype, stored, values);
  if (!tensor.transposed) return values;
  std::vector<float> turned(values.size());
  const std::size_t rows = tensor.shape[0], columns = tensor.shape[1];
  for (std::size_t i = 0; i < values.size(); ++i) turned[i] = values[i % columns * rows + i / columns];
  return turned;
}

[[noreturn]] void fail(const TensorSource& source, const TensorInfo& tensor, std::string rule) {
  throw FormatError(
      ErrorFields{.file = source.file_of(tensor), .field = "tensor '" + tensor.name + "'", .rule = std::move(rule)});
}

// "base_model.model.X.lora_A.weight" is X.
std::string module_of(const TensorSource& source, const TensorInfo& tensor) {
  std::string_view name = tensor.name;
  const bool is_delta = name.ends_with(kA) || name.ends_with(kB);
  if (!is_delta) fail(source, tensor, "is none of a LoRA adapter's (*.lora_A.weight, *.lora_B.weight)");
  if (!converts_to_float(tensor.dtype) || tensor.shape.size() != 2) {
    fail(source, tensor, "must be a matrix of floating-point numbers, not " + shape_text(tensor.shape));
  }
  name.remove_suffix(kA.size());
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return std::string(name);
}

using Deltas = std::map<std::string, nn::LowRankDelta>;  // by module

std::unique_ptr<TensorSource> open_weights(const std::filesystem::path& folder) {
  std::error_code ignored;
  const bool pickled = !std::filesystem::exists(folder / "adapter_model.safetensors", ignored) &&
                       std::filesystem::exists(folder / "adapter_model.bin", ignored);
  return pickled ? open_torch(folder / "adapter_model.bin") : open_safetensors(folder / "adapter_model.safetensors");
}

Deltas read_deltas(const std::string& folder, const DecoderModel& model) {
  const std::filesystem::path path = folder;
  const std::string config_path = path / "adapter_config.json";
  std::error_code error;
  if (!std::filesystem::exists(config_path, error) && !error) {
    throw PathError(PathError::Kind::not_found,
                    {.file = folder,
                     .rule = "holds no adapter_config.json: an adapter is a folder that PEFT wrote, or the name of one "
                             "in the Hugging Face cache"});
  }
  const json::Value json = json::parse_file(config_path, {.bytes = std::uint64_t{1} << 20});
  const LoraConfig config(json::Fields(json, config_path));
  const auto source = open_weights(path);
  Deltas deltas;
  for (const TensorInfo& tensor : source->tensors()) {
    const std::string module = module_of(*source, tensor);
    if (!model.adapts(module)) fail(*source, tensor, "the model has no such weight, or it takes no adapter");
    nn::LowRankDelta& delta = deltas[module];
    const bool is_a = tensor.name.ends_with(kA);
    const std::uint64_t rank = tensor.shape[is_a ? 0 : 1];
    if (delta.rank != 0 && delta.rank != rank) fail(*source, tensor, "A and B must have one rank");
    delta.rank = rank;
    (is_a ? delta.a : delta.b) = read_floats(*source, tensor);
  }
  for (auto& [module, delta] : deltas) {
    if (delta.a.empty() || delta.b.empty()) {
      throw FormatError(ErrorFields{.file = source->describe(), .field = module, .rule = "has only one of A and B"});
    }
    delta.scale = config.scale_of(module, delta.rank);
  }
  return deltas;
}

// B1 A1 + B2 A2 = [B1 B2] [A1; A2]: the ranks are put one after the other, the scales into B.
nn::LowRankDelta sum_of(const nn::LowRankDelta& first, const nn::LowRankDelta& second) {
  nn::LowRankDelta sum{.rank = first.rank + second.rank, .scale = 1, .a = first.a, .b = {}};
  sum.a.insert(sum.a.end(), second.a.begin(), second.a.end());
  sum.b.reserve(first.b.size() + second.b.size());
  for (std::size_t row = 0; row < first.b.size() / first.rank; ++row) {
    for (std::size_t r = 0; r < first.rank; ++r) sum.b.push_back(first.scale * first.b[row * first.rank + r]);
    for (std::size_t r = 0; r < second.rank; ++r) sum.b.push_back(second.scale * second.b[row * second.rank + r]);
  }
  return sum;
}

// Two adapters of one weight must be of one shape; against the model it is checked when they are added.
void expect_one_shape(const std::string& folder, const std::string& module, const nn::LowRankDelta& a,
                      const nn::LowRankDelta& b) {
  if (a.a.size() * b.rank == b.a.size() * a.rank && a.b.size() * b.rank == b.b.size() * a.rank) return;
  throw FormatError({.file = folder, .field = module, .rule = "is of another shape than in the adapter before it"});
}

}  // namespace

std::int32_t load_lora(const std::vector<LoraPart>& parts, DecoderModel& model) {
  Deltas all;
  for (const LoraPart& part : parts) {
    for (auto& [module, delta] : read_deltas(part.folder, model)) {
      delta.scale *= part.scale;
      const auto [at, is_new] = all.try_emplace(module, delta);
      if (is_new) continue;
      expect_one_shape(part.folder, module, at->second, delta);
      at->second = sum_of(at->second, delta);
    }
  }
  return model.add_adapter(all);
}

}  // namespace skald::models
