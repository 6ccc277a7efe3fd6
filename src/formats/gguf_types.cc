#include "formats/gguf_types.h"

#include <algorithm>
#include <array>

#include "quant/block_format.h"

namespace skald {
namespace {

struct ValueType {
  std::string_view name;
  std::size_t bytes;
};

// In the order of the enum.
constexpr std::array<ValueType, 13> kValueTypes = {{
    {"u8", 1},
    {"i8", 1},
    {"u16", 2},
    {"i16", 2},
    {"u32", 4},
    {"i32", 4},
    {"f32", 4},
    {"bool", 1},
    {"string", 8},
    {"array", 12},
    {"u64", 8},
    {"i64", 8},
    {"f64", 8},
}};
static_assert(kValueTypes.size() == static_cast<std::size_t>(GgufType::f64) + 1);

// id, name, elements and bytes of a block
constexpr GgmlType kTypes[] = {
    {0, "F32", 1, 4, DType::f32},
    {1, "F16", 1, 2, DType::f16},
    {2, "Q4_0", 32, 18},
    {3, "Q4_1", 32, 20},
    {4, "Q4_2"},
    {5, "Q4_3"},
    {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},
    {8, "Q8_0", 32, 34},
    {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144},
    {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},
    {15, "Q8_K", 256, 292},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136},
    {24, "I8", 1, 1, DType::i8},
    {25, "I16", 1, 2, DType::i16},
    {26, "I32", 1, 4, DType::i32},
    {27, "I64", 1, 8, DType::i64},
    {28, "F64", 1, 8, DType::f64},
    {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2, DType::bf16},
    {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"},
    {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},
    {41, "Q1_0", 128, 18},
};

}  // namespace

std::string_view gguf_type_name(GgufType type) { return kValueTypes[static_cast<std::size_t>(type)].name; }

std::optional<GgufType> gguf_type(std::uint32_t id) {
  if (id >= kValueTypes.size()) return std::nullopt;
  return static_cast<GgufType>(id);
}

std::size_t gguf_min_bytes(GgufType type) { return kValueTypes[static_cast<std::size_t>(type)].bytes; }

std::span<const GgmlType> ggml_types() { return kTypes; }

const GgmlType* find_ggml_type(std::uint32_t id) {
  const auto* const found = std::ranges::find(kTypes, id, &GgmlType::id);
  return found == std::end(kTypes) ? nullptr : found;
}

std::string readable_ggml_types() {
  std::string names;
  for (const GgmlType& type : kTypes) {
    if (type.dtype || quant::find_block_format(type.id) != nullptr)
      names += (names.empty() ? "" : ", ") + std::string(type.name);
  }
  return names;
}

}  // namespace skald
