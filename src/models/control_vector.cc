#include "models/control_vector.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/log.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::string_view kArchitecture = "controlvector";
constexpr std::string_view kModelHint = "controlvector.model_hint";
constexpr std::string_view kLayerCount = "controlvector.layer_count";
constexpr std::string_view kPrefix = "direction.";

class Reader {
 public:
  Reader(const std::string& path, const ModelShape& shape) : path_(path), shape_(shape), file_(open_gguf(path)) {}

  nn::ControlVectors read() {
    check_metadata();
    nn::ControlVectors vectors{.after_layer =
                                   std::vector<std::vector<float>>(static_cast<std::size_t>(shape_.n_layers))};
    for (const TensorInfo& tensor : file_->tensors()) vectors.after_layer[layer_of(tensor)] = read_direction(tensor);
    if (file_->tensors().empty())
      fail("tensors", {}, "there are none: a control vector has direction.1, direction.2, ...");
    return vectors;
  }

 private:
  [[noreturn]] void fail(std::string_view field, std::string value, std::string rule) const {
    throw FormatError({.file = path_, .field = std::string(field), .value = std::move(value), .rule = std::move(rule)});
  }

  void check_metadata() const {
    const std::string_view kind = file_->get_text("general.architecture").value_or("");
    if (kind != kArchitecture) {
      fail("general.architecture", skald::quoted(kind), "must be 'controlvector': the file is no control vector");
    }
    const std::int64_t n_layers = file_->get_integer(kLayerCount).value_or(0);
    if (n_layers > shape_.n_layers) {
      fail(kLayerCount, std::to_string(n_layers),
           "is for another model: this one has " + std::to_string(shape_.n_layers) + " layers");
    }
    const std::string_view hint = file_->get_text(kModelHint).value_or("");
    if (hint.empty() || hint == shape_.model_type) return;
    log_notice(LogLevel::warning, path_ + ": was made for a model of the kind " + skald::quoted(hint) +
                                      ", and this is " + skald::quoted(shape_.model_type) + ": it may lead nowhere");
  }

  // "direction.7" is 7.
  [[nodiscard]] std::size_t layer_of(const TensorInfo& tensor) const {
    const std::string_view name = tensor.name;
    std::int64_t layer = -1;
    if (name.starts_with(kPrefix)) {
      const auto read = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
      if (name != std::string(kPrefix) + std::to_string(layer) || read.ec != std::errc()) layer = -1;
    }
    if (layer >= 1 && layer < shape_.n_layers) return static_cast<std::size_t>(layer);
    fail("tensor " + skald::quoted(name), {},
         "must be direction.N with a layer N in [1, " + std::to_string(shape_.n_layers - 1) + "] of this model");
  }

  [[nodiscard]] std::vector<float> read_direction(const TensorInfo& tensor) const {
    const std::string field = "tensor " + skald::quoted(tensor.name);
    const auto hidden = static_cast<std::uint64_t>(shape_.hidden_size);
    if (tensor.block != nullptr || !converts_to_float(tensor.dtype))
      fail(field, std::string(stored_type_name(tensor)), "must be of floating-point numbers");
    if (tensor.shape != std::vector<std::uint64_t>{hidden}) {
      fail(field, shape_text(tensor.shape), "must be [" + std::to_string(hidden) + "], the model's hidden size");
    }
    std::vector<std::byte> stored(tensor.bytes);
    file_->read(tensor, 0, stored);
    std::vector<float> values(hidden);
    convert_to_float(tensor.dtype, stored, values);
    const auto odd = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
    if (odd != values.end())
      fail(field, std::to_string(*odd),
           "must be finite numbers, number " + std::to_string(odd - values.begin()) + " is none");
    return values;
  }

  const std::string& path_;
  const ModelShape& shape_;
  std::unique_ptr<GgufFile> file_;
};

}  // namespace

nn::ControlVectors load_control_vector(const std::string& path, const ModelShape& shape) {
  return Reader(path, shape).read();
}

void save_control_vector(const std::string& path, const nn::ControlVectors& vectors, const std::string& model_type) {
  std::vector<GgufTensor> tensors;
  for (std::size_t layer = 0; layer < vectors.after_layer.size(); ++layer) {
    const std::vector<float>& direction = vectors.after_layer[layer];
    if (direction.empty()) continue;
    tensors.push_back({std::string(kPrefix) + std::to_string(layer), {direction.size()}, direction});
  }
  const std::vector<GgufField> metadata = {{"general.architecture", std::string(kArchitecture)},
                                           {std::string(kModelHint), model_type},
                                           {std::string(kLayerCount), static_cast<std::uint32_t>(tensors.size())}};
  write_gguf(path, metadata, tensors);
}

}  // namespace skald::models
