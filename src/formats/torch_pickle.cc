#include "formats/torch_pickle.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/checked.h"

namespace skald {
namespace {

constexpr std::size_t kMaxObjects = std::size_t{1} << 19;
constexpr std::size_t kMaxDimensions = 64;

enum class Role : std::uint8_t {
  storage_type,  // `dtype`; nothing: untyped
  element_type,  // `dtype`
  rebuild_v2,    // (storage, first, shape, strides, ...) -> tensor; v3 has the dtype too
  rebuild_v3,
  first_argument,  // wrappers of a tensor, or of the items of a container
  call_first,      // (function, type, arguments, state) -> function(*arguments)
  new_dict,
  empty_dict,
  nothing,  // its result is not wanted
  constant,
};

struct Known {
  std::string_view module, name;
  Role role;
  std::optional<DType> dtype = {};
};

constexpr std::array kKnown = {
    Known{"torch", "FloatStorage", Role::storage_type, DType::f32},
    Known{"torch", "DoubleStorage", Role::storage_type, DType::f64},
    Known{"torch", "HalfStorage", Role::storage_type, DType::f16},
    Known{"torch", "BFloat16Storage", Role::storage_type, DType::bf16},
    Known{"torch", "LongStorage", Role::storage_type, DType::i64},
    Known{"torch", "IntStorage", Role::storage_type, DType::i32},
    Known{"torch", "ShortStorage", Role::storage_type, DType::i16},
    Known{"torch", "CharStorage", Role::storage_type, DType::i8},
    Known{"torch", "ByteStorage", Role::storage_type, DType::u8},
    Known{"torch", "BoolStorage", Role::storage_type, DType::boolean},
    Known{"torch", "ComplexFloatStorage", Role::storage_type, DType::c64},
    Known{"torch.storage", "UntypedStorage", Role::storage_type},
    Known{"torch", "float32", Role::element_type, DType::f32},
    Known{"torch", "float64", Role::element_type, DType::f64},
    Known{"torch", "float16", Role::element_type, DType::f16},
    Known{"torch", "bfloat16", Role::element_type, DType::bf16},
    Known{"torch", "float8_e4m3fn", Role::element_type, DType::f8_e4m3},
    Known{"torch", "float8_e5m2", Role::element_type, DType::f8_e5m2},
    Known{"torch", "float8_e4m3fnuz", Role::element_type, DType::f8_e4m3fnuz},
    Known{"torch", "float8_e5m2fnuz", Role::element_type, DType::f8_e5m2fnuz},
    Known{"torch", "float8_e8m0fnu", Role::element_type, DType::f8_e8m0},
    Known{"torch", "int64", Role::element_type, DType::i64},
    Known{"torch", "int32", Role::element_type, DType::i32},
    Known{"torch", "int16", Role::element_type, DType::i16},
    Known{"torch", "int8", Role::element_type, DType::i8},
    Known{"torch", "uint64", Role::element_type, DType::u64},
    Known{"torch", "uint32", Role::element_type, DType::u32},
    Known{"torch", "uint16", Role::element_type, DType::u16},
    Known{"torch", "uint8", Role::element_type, DType::u8},
    Known{"torch", "bool", Role::element_type, DType::boolean},
    Known{"torch", "complex64", Role::element_type, DType::c64},
    Known{"torch._utils", "_rebuild_tensor_v2", Role::rebuild_v2},
    Known{"torch._utils", "_rebuild_tensor_v3", Role::rebuild_v3},
    Known{"torch._utils", "_rebuild_parameter", Role::first_argument},
    Known{"torch._utils", "_rebuild_parameter_with_state", Role::first_argument},
    Known{"torch._tensor", "_rebuild_from_type_v2", Role::call_first},
    Known{"torch.nn.parameter", "Parameter", Role::constant},
    Known{"torch", "Tensor", Role::constant},
    Known{"torch", "Size", Role::first_argument},
    Known{"torch", "device", Role::nothing},
    Known{"collections", "OrderedDict", Role::new_dict},
    Known{"collections", "defaultdict", Role::empty_dict},
    Known{"collections", "Counter", Role::nothing},
    Known{"builtins", "set", Role::first_argument},
    Known{"__builtin__", "set", Role::first_argument},
    Known{"builtins", "frozenset", Role::first_argument},
    Known{"__builtin__", "frozenset", Role::first_argument},
    Known{"builtins", "dict", Role::constant},
    Known{"__builtin__", "dict", Role::constant},
    Known{"builtins", "list", Role::constant},
    Known{"__builtin__", "list", Role::constant},
    Known{"_codecs", "encode", Role::nothing},  // bytes, in protocol 2
    Known{"pathlib", "PosixPath", Role::nothing},
    Known{"pathlib", "WindowsPath", Role::nothing},
    Known{"pathlib", "PurePosixPath", Role::nothing},
    Known{"pathlib._local", "PosixPath", Role::nothing},
    Known{"pathlib._local", "WindowsPath", Role::nothing},
};

const Known* find_known(std::string_view module, std::string_view name) {
  const auto found = std::ranges::find_if(kKnown, [&](const Known& k) { return k.module == module && k.name == name; });
  return found == kKnown.end() ? nullptr : &*found;
}

const Known* known_name(const Pickle& pickle, PickleId id) {
  if (pickle.kind(id) != PickleKind::name) return nullptr;
  return find_known(pickle.name(id).module, pickle.name(id).name);
}

std::uint64_t whole_number(const PickleStack& stack, PickleId id, std::string_view what) {
  const Pickle& pickle = stack.values();
  if (pickle.kind(id) == PickleKind::integer && pickle.integer(id) >= 0) {
    return static_cast<std::uint64_t>(pickle.integer(id));
  }
  stack.fail("a tensor's " + std::string(what) + " must be integers from 0 on");
}

std::vector<std::uint64_t> whole_numbers(const PickleStack& stack, PickleId id, std::string_view what) {
  const Pickle& pickle = stack.values();
  if (pickle.kind(id) != PickleKind::tuple) stack.fail("a tensor's " + std::string(what) + " must be a tuple");
  if (pickle.items(id).size() > kMaxDimensions) {
    stack.fail(std::to_string(pickle.items(id).size()) + " dimensions: at most 64 are possible");
  }
  std::vector<std::uint64_t> numbers;
  for (const PickleId item : pickle.items(id)) numbers.push_back(whole_number(stack, item, what));
  return numbers;
}

// How many elements of the tensor's type the storage holds.
std::uint64_t capacity(const TorchTensor& tensor) {
  const auto bytes = static_cast<std::uint64_t>(dtype_bits(tensor.dtype)) / 8;
  return tensor.storage.dtype ? tensor.storage.count : tensor.storage.count / bytes;
}

// The elements of the view, and the last one's place; nothing where they overflow.
std::optional<std::uint64_t> last_element(TorchTensor& tensor) {
  std::optional<std::uint64_t> count = 1;
  std::optional<std::uint64_t> last = tensor.first;
  const bool empty = std::ranges::count(tensor.shape, 0U) > 0;
  for (std::size_t d = 0; d < tensor.shape.size() && !empty; ++d) {
    const auto step = checked_mul(tensor.shape[d] - 1, tensor.strides[d]);
    count = checked_mul(*count, tensor.shape[d]);
    if (step) last = checked_add(*last, *step);
    if (!step || !count || !last) return std::nullopt;
  }
  tensor.count = empty ? 0 : *count;
  return last;
}

void check_view(const PickleStack& stack, TorchTensor& tensor) {
  const std::uint64_t room = capacity(tensor);
  if (tensor.shape.size() != tensor.strides.size()) stack.fail("a tensor's shape and strides must be of one length");
  const std::optional<std::uint64_t> last = last_element(tensor);
  if (!last) stack.fail("a tensor's shape overflows");
  if (tensor.count == 0) tensor.first = 0;  // a view of nothing may begin anywhere: torch writes it so
  if (tensor.count == 0 || (*last < room && tensor.count <= room)) return;
  stack.fail("a view of " + std::to_string(tensor.count) + " elements, up to element " + std::to_string(*last) +
             ", exceeds its storage of " + std::to_string(room));
}

// OrderedDict(), or of a list of pairs.
PickleId new_dict(PickleStack& stack, std::span<const PickleId> arguments) {
  const Pickle& pickle = stack.values();
  if (arguments.empty()) return stack.add_container(PickleKind::dict, {});
  std::vector<PickleId> items;
  if (pickle.kind(arguments[0]) != PickleKind::list) stack.fail("a dict is made of a list of pairs");
  for (const PickleId pair : pickle.items(arguments[0])) {
    const bool is_pair = pickle.kind(pair) == PickleKind::tuple || pickle.kind(pair) == PickleKind::list;
    if (!is_pair || pickle.items(pair).size() != 2) stack.fail("a dict is made of a list of pairs");
    items.insert(items.end(), pickle.items(pair).begin(), pickle.items(pair).end());
  }
  return stack.add_container(PickleKind::dict, items);
}

}  // namespace

bool TorchMaker::knows(std::string_view module, std::string_view name) const {
  return find_known(module, name) != nullptr;
}

PickleId TorchMaker::add(PickleStack& stack, Object object) {
  if (objects_.size() >= kMaxObjects) stack.fail("more than " + std::to_string(kMaxObjects) + " tensors and storages");
  objects_.push_back(std::move(object));
  return stack.add_object(static_cast<std::uint32_t>(objects_.size() - 1));
}

const TorchTensor* TorchMaker::tensor(const Pickle& pickle, PickleId id) const {
  return pickle.kind(id) == PickleKind::object ? std::get_if<TorchTensor>(&objects_[pickle.object(id)]) : nullptr;
}

// ("storage", type, key, device, count)
PickleId TorchMaker::load(PickleStack& stack, PickleId persistent) {
  const Pickle& pickle = stack.values();
  const bool is_tuple = pickle.kind(persistent) == PickleKind::tuple;
  const std::span<const PickleId> parts = is_tuple ? pickle.items(persistent) : std::span<const PickleId>();
  const bool is_storage = parts.size() == 5 && pickle.kind(parts[0]) == PickleKind::text &&
                          pickle.text(parts[0]) == "storage" && pickle.kind(parts[2]) == PickleKind::text;
  if (!is_storage) stack.fail("a persistent id must be ('storage', type, key, device, count)");
  const Known* const type = known_name(pickle, parts[1]);
  if (type == nullptr || type->role != Role::storage_type) stack.fail("a storage's type must be one of torch's");
  return add(stack, TorchStorage{.key = pickle.text(parts[2]),
                                 .dtype = type->dtype,
                                 .count = whole_number(stack, parts[4], "storage's count")});
}

// (storage, first, shape, strides, requires_grad, hooks[, dtype][, metadata])
PickleId TorchMaker::rebuild_tensor(PickleStack& stack, std::span<const PickleId> arguments, bool typed_view) {
  const Pickle& pickle = stack.values();
  const std::size_t least = typed_view ? 7 : 6;
  if (arguments.size() < least || arguments.size() > least + 1) stack.fail("a tensor is made of 6 to 8 values");
  const auto* const storage = pickle.kind(arguments[0]) == PickleKind::object
                                  ? std::get_if<TorchStorage>(&objects_[pickle.object(arguments[0])])
                                  : nullptr;
  if (storage == nullptr) stack.fail("a tensor must be a view of a storage");
  TorchTensor tensor{.storage = *storage,
                     .dtype = storage->dtype.value_or(DType::u8),
                     .first = whole_number(stack, arguments[1], "offset"),
                     .shape = whole_numbers(stack, arguments[2], "shape"),
                     .strides = whole_numbers(stack, arguments[3], "strides")};
  if (typed_view) {
    const Known* const type = known_name(pickle, arguments[6]);
    if (type == nullptr || type->role != Role::element_type) stack.fail("a tensor's type must be one of torch's");
    if (storage->dtype && storage->dtype != type->dtype) stack.fail("a tensor's type must be its storage's");
    tensor.dtype = *type->dtype;
  }
  check_view(stack, tensor);
  return add(stack, std::move(tensor));
}

PickleId TorchMaker::call(PickleStack& stack, Pickle::Name named, std::span<const PickleId> arguments) {
  const Pickle& pickle = stack.values();
  const auto need = [&](std::size_t n) {
    if (arguments.size() < n) stack.fail(std::string(named.name) + " needs " + std::to_string(n) + " values");
  };
  switch (find_known(named.module, named.name)->role) {
    case Role::rebuild_v2: return rebuild_tensor(stack, arguments, /*typed_view=*/false);
    case Role::rebuild_v3: return rebuild_tensor(stack, arguments, /*typed_view=*/true);
    case Role::first_argument:
      if (arguments.empty()) return stack.add_container(PickleKind::tuple, {});
      return arguments[0];
    case Role::call_first: {
      need(4);
      const Known* const function = known_name(pickle, arguments[0]);
      const bool makes_tensor =
          function != nullptr && (function->role == Role::rebuild_v2 || function->role == Role::rebuild_v3);
      if (!makes_tensor || pickle.kind(arguments[2]) != PickleKind::tuple) stack.fail("must rebuild a plain tensor");
      return rebuild_tensor(stack, pickle.items(arguments[2]), function->role == Role::rebuild_v3);
    }
    case Role::new_dict: return new_dict(stack, arguments);
    case Role::empty_dict: return stack.add_container(PickleKind::dict, {});
    case Role::nothing: return stack.add_none();
    default: break;
  }
  stack.fail(quoted(std::string(named.module) + "." + std::string(named.name)) + " is nothing to call");
}

}  // namespace skald
