#include "nn/weight_source.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

using kernels::kPanel;
using kernels::WeightFormat;

constexpr std::size_t kReadBytes = std::size_t{1} << 20;  // what a worker reads at a time, about
constexpr double kShareOfMemory = 0.7;                    // that weights and state may take unasked

// How a stored matrix is held with `bits` (0: as stored).
WeightFormat format_for(DType stored, int bits) {
  if (bits == 32) return WeightFormat::f32;
  if (stored == DType::f16) return WeightFormat::f16;
  const bool wide = stored == DType::f32 || stored == DType::f64;
  return wide && bits == 0 ? WeightFormat::f32 : WeightFormat::bf16;
}

// `pattern` with * for any characters, over the whole of `name`.
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (name.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t i = star; i <= name.size(); ++i) {
    if (matches(rest, name.substr(i))) return true;
  }
  return false;
}

std::string gibibytes(std::size_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f GiB", static_cast<double>(bytes) / (1ULL << 30));
  return text.data();
}

std::size_t count_not_finite(std::span<const float> values) {
  return static_cast<std::size_t>(std::ranges::count_if(values, [](float v) { return !std::isfinite(v); }));
}

void report_not_finite(const TensorInfo& tensor, std::size_t count) {
  if (count == 0) return;
  log_notice(LogLevel::warning, "tensor " + quoted(tensor.name) + ": " + std::to_string(count) + " NaN or Inf weights");
}

}  // namespace

WeightSource::WeightSource(const TensorSource& source, std::string base_prefix)
    : source_(source), base_prefix_(std::move(base_prefix)) {}

const TensorInfo* WeightSource::find(const std::string& name) const {
  if (const TensorInfo* const tensor = source_.find(name)) return tensor;
  const bool prefixed = name.starts_with(base_prefix_);
  return source_.find(prefixed ? name.substr(base_prefix_.size()) : base_prefix_ + name);
}

const TensorInfo& WeightSource::take(const std::string& name, std::vector<std::uint64_t> shape) {
  const TensorInfo* const tensor = find(name);
  if (tensor == nullptr) {
    throw FormatError(ErrorFields{.file = source_.describe(),
                                  .field = "tensor '" + name + "'",
                                  .rule = "is missing: the config wants it with shape " + shape_text(shape)});
  }
  if (tensor->shape != shape) {
    throw FormatError(
        ErrorFields{.file = source_.file_of(*tensor),
                    .field = "tensor '" + tensor->name + "'",
                    .rule = "the config wants " + shape_text(shape) + ", the file has " + shape_text(tensor->shape)});
  }
  if (!converts_to_float(tensor->dtype)) {
    throw UnsupportedError(ErrorFields{.file = source_.file_of(*tensor),
                                       .field = "tensor '" + tensor->name + "'",
                                       .value = std::string(dtype_name(tensor->dtype)),
                                       .rule = "weights must be floating-point numbers of 8 bits or more"});
  }
  if (read_.insert(tensor->name).second) {
    std::int64_t count = 1;
    for (const std::uint64_t d : shape) count *= static_cast<std::int64_t>(d);
    n_parameters_ += count;
  }
  return *tensor;
}

std::shared_ptr<const PackedMatrix> WeightSource::matrix(const std::string& name, std::size_t n, std::size_t k) {
  const TensorInfo& tensor = take(name, {n, k});
  const auto noted = std::ranges::find(jobs_, &tensor, &Job::tensor);
  if (noted != jobs_.end()) return noted->matrix;
  jobs_.push_back({.tensor = &tensor, .matrix = std::make_shared<PackedMatrix>(n, k)});
  return jobs_.back().matrix;
}

std::vector<float> WeightSource::vector(const std::string& name, std::size_t n) {
  const TensorInfo& tensor = take(name, {n});
  std::vector<std::byte> stored(tensor.bytes);
  source_.read(tensor, 0, stored);
  std::vector<float> values(n);
  convert_to_float(tensor.dtype, stored, values);
  return values;
}

Linear WeightSource::linear(const std::string& name, std::size_t n, std::size_t k, bool bias) {
  Linear linear(name, matrix(name + ".weight", n, k), bias ? vector(name + ".bias", n) : std::vector<float>());
  std::ranges::find(jobs_, find(name + ".weight"), &Job::tensor)->multiplied = true;
  slots_[name] = linear.adapters();
  return linear;
}

RmsNorm WeightSource::rms_norm(const std::string& name, std::size_t n, float eps) {
  return {vector(name + ".weight", n), eps};
}

std::size_t WeightSource::bytes_for(int bits) const {
  std::size_t bytes = 0;
  for (const Job& job : jobs_) bytes += job.matrix->bytes_in(format_for(job.tensor->dtype, bits));
  return bytes;
}

int WeightSource::choose_bits(const WeightLoadOptions& options) const {
  const std::size_t available = available_memory();
  int bits = options.bits;
  const std::size_t small = bytes_for(16);
  if (bits == 0) {
    const auto share = static_cast<std::size_t>(kShareOfMemory * static_cast<double>(available));
    const std::size_t stored = bytes_for(0);
    if (stored + options.state_bytes > share && small < stored) {
      bits = 16;
      log_notice(LogLevel::warning, "weights are held in 16 bits (" + gibibytes(small) +
                                        "): in 32 bits they would take " + gibibytes(stored) + ", " +
                                        gibibytes(available) + " of memory is free");
    }
  }
  const std::size_t needed = bytes_for(bits);
  if (needed <= available) return bits;
  const std::string remedy = small < needed ? "; try --bits 16 (" + gibibytes(small) + ")" : "";
  throw LimitError(ErrorFields{
      .file = source_.describe(),
      .rule = "needs " + gibibytes(needed) + " of memory, " + gibibytes(available) + " available" + remedy});
}

// Panels of a matrix are contiguous rows of the file: reads several, converts and packs one at a time.
void WeightSource::fill(const Job& job, std::size_t first_panel, std::size_t last_panel, bool check) {
  PackedMatrix& matrix = *job.matrix;
  const std::size_t k = matrix.columns();
  const std::size_t row_bytes = k * static_cast<std::size_t>(dtype_bits(job.tensor->dtype)) / 8;
  const std::size_t at_once = std::max<std::size_t>(1, kReadBytes / (kPanel * row_bytes));
  std::vector<std::byte> stored(std::min(at_once, last_panel - first_panel) * kPanel * row_bytes);
  std::vector<float> rows(kPanel * k);
  std::size_t not_finite = 0;
  for (std::size_t first = first_panel; first < last_panel; first += at_once) {
    const std::size_t last = std::min(last_panel, first + at_once);
    const std::size_t row_count = std::min(matrix.rows(), last * kPanel) - first * kPanel;
    const std::span<std::byte> bytes(stored.data(), row_count * row_bytes);
    source_.read(*job.tensor, first * kPanel * row_bytes, bytes);
    for (std::size_t panel = first; panel < last; ++panel) {
      const std::size_t count = matrix.rows_of(panel);
      const auto panel_bytes = bytes.subspan((panel - first) * kPanel * row_bytes, count * row_bytes);
      convert_to_float(job.tensor->dtype, panel_bytes, {rows.data(), count * k});
      if (check) not_finite += count_not_finite({rows.data(), count * k});
      matrix.pack(panel, rows.data());
    }
  }
  if (check) report_not_finite(*job.tensor, not_finite);
}

void WeightSource::load(const WeightLoadOptions& options, ThreadPool& pool) {
  report_unread(options.strict);
  const int bits = choose_bits(options);
  std::size_t panels = 0;
  for (const Job& job : jobs_) {
    job.matrix->allocate(format_for(job.tensor->dtype, bits));
    if (job.multiplied) weight_bytes_ += job.matrix->bytes();
    panels += job.matrix->panels();
  }
  // Each worker fills its share of every matrix, as parallel_for deals the panels out when they are used.
  std::atomic<std::size_t> done{0};
  pool.run([&](int worker) {
    const auto part = static_cast<std::size_t>(worker);
    const auto parts = static_cast<std::size_t>(pool.size());
    for (const Job& job : jobs_) {
      const std::size_t count = job.matrix->panels();
      const std::size_t first = count * part / parts;
      const std::size_t last = count * (part + 1) / parts;
      if (first < last) fill(job, first, last, options.check_weights);
      done += last - first;
      if (worker == 0 && options.progress) {
        options.progress(static_cast<double>(done.load()) / static_cast<double>(panels));
      }
    }
  });
  if (options.progress) options.progress(1.0);
}

bool WeightSource::all_f32() const {
  return std::ranges::all_of(jobs_, [](const Job& job) { return job.matrix->format() == WeightFormat::f32; });
}

void WeightSource::report_unread(bool strict) const {
  constexpr std::size_t kMostNames = 8;
  std::size_t count = 0;
  std::string names;
  for (const TensorInfo& tensor : source_.tensors()) {
    if (read_.contains(tensor.name)) continue;
    if (std::ranges::any_of(silent_, [&](const std::string& p) { return matches(p, tensor.name); })) continue;
    if (count < kMostNames) names += (count > 0 ? ", " : "") + quoted(tensor.name);
    ++count;
  }
  if (count == 0) return;
  if (count > kMostNames) names += " and " + std::to_string(count - kMostNames) + " more";
  const std::string line = "tensors that the model does not use: " + names;
  if (strict) throw FormatError(ErrorFields{.file = source_.describe(), .rule = line + " (--strict)"});
  log_notice(LogLevel::warning, source_.describe() + ": " + line);
}

}  // namespace skald::nn
