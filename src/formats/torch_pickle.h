// What the pickle of a PyTorch checkpoint may make: storages and the tensors that are views of them; what else a
// checkpoint may hold (sizes, devices, paths, counters) is plain data or nothing. Reference: torch/_utils.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/dtype.h"
#include "formats/pickle.h"

namespace skald {

/// A member of the archive, data/<key>, that holds numbers.
struct TorchStorage {
  std::string_view key;        // in the pickle
  std::optional<DType> dtype;  // nothing: untyped, of bytes
  std::uint64_t count = 0;     // of elements, or bytes
};

/// A view of a storage. Everything about it has been checked against the storage's size.
struct TorchTensor {
  TorchStorage storage;
  DType dtype = DType::f32;
  std::uint64_t first = 0;             // element of the storage
  std::vector<std::uint64_t> shape;    // at most 64 dimensions
  std::vector<std::uint64_t> strides;  // in elements
  std::uint64_t count = 1;             // of elements: the product of the shape
};

class TorchMaker final : public PickleMaker {
 public:
  [[nodiscard]] bool knows(std::string_view module, std::string_view name) const override;
  PickleId call(PickleStack& stack, Pickle::Name named, std::span<const PickleId> arguments) override;
  PickleId load(PickleStack& stack, PickleId persistent) override;

  /// The tensor that a value is; nullptr for any other value.
  [[nodiscard]] const TorchTensor* tensor(const Pickle& pickle, PickleId id) const;

 private:
  using Object = std::variant<TorchStorage, TorchTensor>;

  PickleId add(PickleStack& stack, Object object);
  PickleId rebuild_tensor(PickleStack& stack, std::span<const PickleId> arguments, bool typed_view);

  std::vector<Object> objects_;
};

}  // namespace skald
