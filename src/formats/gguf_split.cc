#include "formats/gguf_split.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxParts = 99999;  // five digits

class JoinedGguf final : public GgufFile {
 public:
  explicit JoinedGguf(std::vector<std::unique_ptr<GgufFile>> parts) : parts_(std::move(parts)) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      for (TensorInfo tensor : parts_[i]->tensors()) {
        tensor.file = static_cast<int>(i);
        tensors_.push_back(std::move(tensor));
      }
    }
    std::ranges::sort(tensors_, {}, &TensorInfo::name);
    const auto twice = std::ranges::adjacent_find(tensors_, {}, &TensorInfo::name);
    if (twice == tensors_.end()) return;
    throw FormatError({.file = file_of(twice[1]),
                       .field = "tensor " + skald::quoted(twice->name),
                       .rule = "is in another part too: " + file_of(twice[0])});
  }

  std::span<const TensorInfo> tensors() const override { return tensors_; }
  std::span<const GgufEntry> metadata() const override { return parts_[0]->metadata(); }
  const std::string& path() const override { return parts_[0]->path(); }
  const std::string& file_of(const TensorInfo& tensor) const override { return part_of(tensor).path(); }
  std::string describe() const override {
    return parts_[0]->describe() + " (" + std::to_string(parts_.size()) + " parts)";
  }
  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    part_of(tensor).read(tensor, begin, out);
  }

 private:
  const GgufFile& part_of(const TensorInfo& tensor) const { return *parts_[static_cast<std::size_t>(tensor.file)]; }

  std::vector<std::unique_ptr<GgufFile>> parts_;
  std::vector<TensorInfo> tensors_;
};

// "-00002-of-00003.gguf"
std::string part_ending(std::int64_t number, std::int64_t count) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "-%05lld-of-%05lld.gguf", static_cast<long long>(number),
                static_cast<long long>(count));
  return text.data();
}

std::string part_text(std::int64_t number, std::int64_t count) {
  return "part " + std::to_string(number) + " of " + std::to_string(count);
}

class Joiner {
 public:
  Joiner(const GgufFile& part, std::int64_t count) : count_(count), named_(part.path()) {
    const std::int64_t number = part.get_integer("split.no").value_or(0) + 1;
    const std::string ending = part_ending(number, count);
    if (!named_.ends_with(ending)) {
      throw FormatError(
          {.file = named_,
           .rule = "is " + part_text(number, count) + " of a split model: its name must end in " + ending});
    }
    stem_ = named_.substr(0, named_.size() - ending.size());
  }

  std::unique_ptr<GgufFile> join() const {
    std::vector<std::unique_ptr<GgufFile>> parts;
    std::size_t n_tensors = 0;
    for (std::int64_t number = 1; number <= count_; ++number) {
      parts.push_back(open(number));
      check(*parts.back(), *parts.front(), number);
      n_tensors += parts.back()->tensors().size();
    }
    const auto promised = parts.front()->get_integer("split.tensors.count");
    if (promised && static_cast<std::uint64_t>(*promised) != n_tensors) {
      throw FormatError({.file = parts.front()->path(),
                         .field = "split.tensors.count",
                         .value = std::to_string(*promised),
                         .rule = "the parts hold " + std::to_string(n_tensors) + " tensors together"});
    }
    return std::make_unique<JoinedGguf>(std::move(parts));
  }

 private:
  [[nodiscard]] std::unique_ptr<GgufFile> open(std::int64_t number) const {
    const std::string path = stem_ + part_ending(number, count_);
    try {
      return open_gguf_part(path);
    } catch (const PathError& error) {
      if (error.kind() != PathError::Kind::not_found) throw;
      throw PathError(error.kind(),
                      {.file = path,
                       .rule = "is missing: it is " + part_text(number, count_) + " of the model in " +
                               skald::quoted(fs::path(named_).filename().native()) + " (incomplete download?)"});
    }
  }

  void check(const GgufFile& part, const GgufFile& first, std::int64_t number) const {
    const std::int64_t found = part.get_integer("split.no").value_or(0) + 1;
    const std::int64_t of = part.get_integer("split.count").value_or(1);
    if (found != number || of != count_) {
      throw FormatError(
          {.file = part.path(),
           .rule = "is " + part_text(found, of) + ", " + part_text(number, count_) + " is expected here"});
    }
    for (const char* const key : {"general.architecture", "general.name"}) {
      const auto own = part.get_text(key), expected = first.get_text(key);
      if (!own || own == expected) continue;
      throw FormatError(
          {.file = part.path(),
           .field = key,
           .value = skald::quoted(*own),
           .rule = "is a part of another model: the first part has " + skald::quoted(expected.value_or("none"))});
    }
    constexpr const char* kTotal = "split.tensors.count";
    const auto own = part.get_integer(kTotal), expected = first.get_integer(kTotal);
    if (!own || !expected || own == expected) return;
    throw FormatError({.file = part.path(),
                       .field = kTotal,
                       .value = std::to_string(*own),
                       .rule = "is a part of another model: the first part has " + std::to_string(*expected)});
  }

  std::int64_t count_;
  std::string named_, stem_;
};

}  // namespace

std::unique_ptr<GgufFile> join_gguf_parts(std::unique_ptr<GgufFile> part) {
  const auto count = part->get_integer("split.count");
  if (!count || *count == 1) return part;
  if (*count < 1 || *count > kMaxParts) {
    throw FormatError({.file = part->path(),
                       .field = "split.count",
                       .value = std::to_string(*count),
                       .rule = "a model has 1 to " + std::to_string(kMaxParts) + " parts"});
  }
  return Joiner(*part, *count).join();
}

}  // namespace skald
