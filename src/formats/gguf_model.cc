#include "formats/gguf_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/file.h"
#include "formats/gguf_architectures.h"
#include "skald/error.h"

namespace skald {
namespace {

// The checkpoint has queries, keys and values of each group together, the file all queries, all keys, all values.
struct Groups {
  std::uint64_t n = 0;          // heads of keys; 0: rows lie as in the checkpoint
  std::uint64_t queries = 0;    // heads of one group
  std::uint64_t head_rows = 0;  // of one head

  // The head of the file that is head `i` of the checkpoint.
  [[nodiscard]] std::uint64_t stored_head(std::uint64_t i) const {
    const std::uint64_t group = i / (queries + 2);
    const std::uint64_t within = i % (queries + 2);
    if (within < queries) return group * queries + within;
    return n * queries + (within - queries) * n + group;  // keys, then values
  }
};

// Where a tensor of the checkpoint lies in the file.
struct Origin {
  const TensorInfo* stored = nullptr;
  std::uint64_t begin = 0;      // its first byte in `stored`
  std::uint64_t head_rows = 0;  // > 0: of every so many rows, those of the first and of the second half by turns
  Groups groups = {};           // with n > 0
  GgufChange numbers = GgufChange::none;  // plus_one or negative_exp: what was done to each, all of them f32
};

struct NamedTensor {
  TensorInfo info;
  Origin origin;
};

class GgufWeights final : public TensorSource {
 public:
  // `tensors` ascend by name.
  GgufWeights(std::unique_ptr<GgufFile> file, std::vector<NamedTensor> tensors) : file_(std::move(file)) {
    for (NamedTensor& tensor : tensors) {
      tensors_.push_back(std::move(tensor.info));
      origins_.push_back(tensor.origin);
    }
  }

  std::span<const TensorInfo> tensors() const override { return tensors_; }
  const std::string& file_of(const TensorInfo& tensor) const override {
    return file_->file_of(*origins_[static_cast<std::size_t>(&tensor - tensors_.data())].stored);
  }
  std::string describe() const override { return file_->describe(); }

  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    if (begin > tensor.bytes || out.size() > tensor.bytes - begin) {
      throw UsageError("read of " + std::to_string(out.size()) + " bytes from byte " + std::to_string(begin) +
                       " on goes beyond tensor " + quoted(tensor.name));
    }
    const Origin& origin = origins_[static_cast<std::size_t>(&tensor - tensors_.data())];
    if (origin.head_rows > 0) {
      read_pairs(tensor, origin, begin, out);
    } else if (origin.groups.n > 0) {
      read_groups(tensor, origin, begin, out);
    } else {
      file_->read(*origin.stored, origin.begin + begin, out);
    }
    if (origin.numbers != GgufChange::none) undo(origin.numbers, begin, out);
  }

 private:
  // Whole heads are read at once, and their rows dealt out.
  void read_pairs(const TensorInfo& tensor, const Origin& origin, std::uint64_t begin, std::span<std::byte> out) const {
    if (out.empty()) return;
    const std::uint64_t row_bytes = tensor.bytes / tensor.shape[0];
    const std::uint64_t head_bytes = row_bytes * origin.head_rows;
    const std::uint64_t first = begin / head_bytes * head_bytes;
    const std::uint64_t end = (begin + out.size() + head_bytes - 1) / head_bytes * head_bytes;
    std::vector<std::byte> heads(end - first);
    file_->read(*origin.stored, origin.begin + first, heads);
    const std::uint64_t half = origin.head_rows / 2;
    for (std::size_t done = 0; done < out.size();) {
      const std::uint64_t at = begin + done - first;
      const std::uint64_t row = at / row_bytes % origin.head_rows;
      const std::uint64_t stored_row = row % half * 2 + row / half;
      const std::uint64_t from = at / head_bytes * head_bytes + stored_row * row_bytes + at % row_bytes;
      const std::size_t count = std::min<std::uint64_t>(row_bytes - at % row_bytes, out.size() - done);
      std::memcpy(out.data() + done, heads.data() + from, count);
      done += count;
    }
  }

  // Head by head.
  void read_groups(const TensorInfo& tensor, const Origin& origin, std::uint64_t begin,
                   std::span<std::byte> out) const {
    const std::uint64_t head_bytes = tensor.bytes / tensor.shape[0] * origin.groups.head_rows;
    for (std::size_t done = 0; done < out.size();) {
      const std::uint64_t at = begin + done;
      const std::uint64_t within = at % head_bytes;
      const std::size_t count = std::min<std::uint64_t>(head_bytes - within, out.size() - done);
      const std::uint64_t from = origin.groups.stored_head(at / head_bytes) * head_bytes + within;
      file_->read(*origin.stored, origin.begin + from, out.subspan(done, count));
      done += count;
    }
  }

  static void undo(GgufChange change, std::uint64_t begin, std::span<std::byte> out) {
    if (begin % sizeof(float) != 0 || out.size() % sizeof(float) != 0) throw UsageError("read of parts of numbers");
    for (std::size_t i = 0; i < out.size(); i += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, &out[i], sizeof value);
      value = change == GgufChange::plus_one ? value - 1 : std::log(-value);
      std::memcpy(&out[i], &value, sizeof value);
    }
  }

  std::unique_ptr<GgufFile> file_;
  std::vector<TensorInfo> tensors_;
  std::vector<Origin> origins_;  // of each
};

// A name of the file in its parts: "enc.blk.7.attn_q.weight" is {"enc.blk.*.attn_q", "7", ".weight"}.
struct NameParts {
  std::string pattern, layer, kind;
};

NameParts split_name(const std::string& name) {
  constexpr std::string_view kBlock = "blk.";
  NameParts parts{.pattern = name, .layer = {}, .kind = {}};
  for (const std::string_view kind : {".weight", ".bias"}) {
    if (name.ends_with(kind)) parts.kind = kind;
  }
  parts.pattern.resize(name.size() - parts.kind.size());
  const std::size_t stack = name.starts_with("enc.") || name.starts_with("dec.") ? 4 : 0;
  if (name.compare(stack, kBlock.size(), kBlock) != 0) return parts;
  const std::size_t begin = stack + kBlock.size();
  const std::size_t end = parts.pattern.find('.', begin);
  if (end == std::string::npos) return parts;
  parts.layer = name.substr(begin, end - begin);
  parts.pattern.replace(begin, end - begin, "*");
  return parts;
}

std::string with(std::string_view pattern, char mark, std::string_view text) {
  const std::size_t at = pattern.find(mark);
  if (at == std::string_view::npos) return std::string(pattern);
  return std::string(pattern.substr(0, at)) + std::string(text) + std::string(pattern.substr(at + 1));
}

// Goes through the file's tensors and names them as the checkpoint does.
class Renamer {
 public:
  explicit Renamer(const GgufFile& file) : file_(file), architecture_(find_gguf_architecture(file)) {}

  std::vector<NamedTensor> rename() {
    for (const TensorInfo& tensor : file_.tensors()) {
      if (!tensor.name.starts_with("rope_f")) add(tensor);  // rope_freqs and rope_factors are settings
    }
    std::ranges::sort(tensors_, {}, [](const NamedTensor& t) -> const std::string& { return t.info.name; });
    const auto twice = std::ranges::adjacent_find(
        tensors_, {}, [](const NamedTensor& t) -> const std::string& { return t.info.name; });
    if (twice != tensors_.end()) fail(*twice->origin.stored, "two tensors are " + twice->info.name + " of the model");
    return std::move(tensors_);
  }

 private:
  [[noreturn]] void fail(const TensorInfo& tensor, std::string rule) const {
    throw FormatError({.file = file_.path(),
                       .field = "tensor " + quoted(tensor.name),
                       .value = shape_text(tensor.shape),
                       .rule = std::move(rule)});
  }

  void add(const TensorInfo& stored) {
    const NameParts parts = split_name(stored.name);
    const auto row_of = [&](const std::string& name) {
      return std::ranges::find(architecture_.tensors, std::string_view(name), &GgufTensorName::file);
    };
    NamedTensor tensor{.info = stored, .origin = {.stored = &stored}};
    const auto whole = row_of(parts.pattern + parts.kind);
    const auto row = whole != architecture_.tensors.end() ? whole : row_of(parts.pattern);
    if (row == architecture_.tensors.end()) {
      tensors_.push_back(std::move(tensor));
      return;
    }
    tensor.info.name = with(row->checkpoint, '*', parts.layer) + (row == whole ? "" : parts.kind);
    if (row->flat) flatten(tensor.info);
    switch (row->change) {
      case GgufChange::none: break;
      case GgufChange::query_pairs: tensor.origin.head_rows = head_rows(stored, "attention.head_count"); break;
      case GgufChange::key_pairs: tensor.origin.head_rows = head_rows(stored, "attention.head_count_kv"); break;
      case GgufChange::plus_one:
      case GgufChange::negative_exp:
        if (stored.dtype != DType::f32) fail(stored, "must be of F32");
        if (parts.kind != ".bias") tensor.origin.numbers = row->change;
        break;
      case GgufChange::grouped_qkv: tensor.origin.groups = groups(stored); break;
      case GgufChange::transposed: turn(tensor.info); break;
      case GgufChange::taps: add_dimension(tensor.info); break;
      case GgufChange::experts: return add_experts(tensor);
    }
    tensors_.push_back(std::move(tensor));
  }

  static void turn(TensorInfo& info) {
    if (info.shape.size() != 2) return;  // biases stay
    std::swap(info.shape[0], info.shape[1]);
    info.transposed = true;
  }

  static void flatten(TensorInfo& info) {
    info.shape = {std::accumulate(info.shape.begin(), info.shape.end(), std::uint64_t{1}, std::multiplies<>())};
  }

  static void add_dimension(TensorInfo& info) {
    if (info.shape.size() == 2) info.shape.insert(info.shape.begin() + 1, 1);  // biases stay
  }

  // Of queries, or of keys and values.
  [[nodiscard]] std::uint64_t head_count(std::string_view key) const {
    const std::string prefix = std::string(architecture_.name) + ".";
    const auto all = file_.get_integer(prefix + "attention.head_count").value_or(0);
    return static_cast<std::uint64_t>(file_.get_integer(prefix + std::string(key)).value_or(all));
  }

  [[nodiscard]] Groups groups(const TensorInfo& tensor) const {
    const std::uint64_t heads = head_count("attention.head_count");
    const std::uint64_t groups = head_count("attention.head_count_kv");
    const std::uint64_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
    constexpr std::uint64_t kMostHeads = 1 << 20;
    const bool fits = groups > 0 && heads <= kMostHeads && groups <= heads && heads % groups == 0;
    if (!fits || rows == 0 || rows % (heads + 2 * groups) != 0) {
      fail(tensor, "must have as many rows for each of " + std::to_string(heads) + " heads of queries, " +
                       std::to_string(groups) + " of keys and as many of values");
    }
    return {.n = groups, .queries = heads / groups, .head_rows = rows / (heads + 2 * groups)};
  }

  // The rows of one head of a tensor that has those of all.
  [[nodiscard]] std::uint64_t head_rows(const TensorInfo& tensor, std::string_view key) const {
    const std::uint64_t heads = head_count(key);
    const std::uint64_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
    if (heads == 0 || rows == 0 || rows % heads != 0 || rows / heads % 2 != 0) {
      fail(tensor, "must have an even number of rows for each of " + std::to_string(heads) + " heads");
    }
    return rows / heads;
  }

  void add_experts(const NamedTensor& all) {
    const TensorInfo& stored = *all.origin.stored;
    constexpr std::uint64_t kMostExperts = 1 << 14;
    if (stored.shape.size() != 3 || stored.shape[0] == 0 || stored.shape[0] > kMostExperts) {
      fail(stored, "must be [experts, outputs, inputs], of at most " + std::to_string(kMostExperts) + " experts");
    }
    for (std::uint64_t i = 0; i < stored.shape[0]; ++i) {
      NamedTensor expert = all;
      expert.info.name = with(all.info.name, '#', std::to_string(i));
      expert.info.shape.erase(expert.info.shape.begin());
      expert.info.bytes = stored.bytes / stored.shape[0];
      expert.origin.begin = i * expert.info.bytes;
      expert.info.offset += expert.origin.begin;
      tensors_.push_back(std::move(expert));
    }
  }

  const GgufFile& file_;
  const GgufArchitecture& architecture_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace

bool is_gguf_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  const File file(path);
  std::string magic(4, '\0');
  if (file.size() < magic.size()) return false;
  file.read(0, std::as_writable_bytes(std::span(magic)));
  return magic == "GGUF";
}

std::unique_ptr<TensorSource> open_gguf_weights(const std::filesystem::path& path) {
  std::unique_ptr<GgufFile> file = open_gguf(path);
  std::vector<NamedTensor> tensors = Renamer(*file).rename();
  return std::make_unique<GgufWeights>(std::move(file), std::move(tensors));
}

}  // namespace skald
