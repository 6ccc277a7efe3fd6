#include "nn/weight_source.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "kernels/block_pack.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

using kernels::kPanel;
using kernels::WeightFormat;

constexpr std::size_t kReadBytes = std::size_t{1} << 20;  // what a worker reads at a time, about
constexpr double kShareOfMemory = 0.7;                    // that weights and state may take unasked

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

// Whether the first number in `name` is 0: "layers.0.mlp.up_proj", "h.0.mlp.c_fc".
bool in_first_layer(std::string_view name) {
  const std::size_t at = name.find_first_of("0123456789");
  return at != std::string_view::npos && at > 0 && name.substr(at - 1, 3) == ".0.";
}

bool in_attention(std::string_view name) {
  return name.find("attn") != std::string_view::npos || name.find("ttention") != std::string_view::npos;
}

}  // namespace

WeightSource::WeightSource(const TensorSource& source, std::string base_prefix)
    : source_(source), base_prefix_(std::move(base_prefix)) {}

const TensorInfo* WeightSource::find(const std::string& name) const {
  if (const TensorInfo* const tensor = source_.find(name)) return tensor;
  const bool prefixed = name.starts_with(base_prefix_);
  return source_.find(prefixed ? name.substr(base_prefix_.size()) : base_prefix_ + name);
}

const TensorInfo& WeightSource::find_shaped(const std::string& name, const std::vector<std::uint64_t>& shape) const {
  const TensorInfo* const tensor = find(name);
  if (tensor == nullptr) {
    throw FormatError(ErrorFields{.file = source_.describe(),
                                  .field = "tensor '" + name + "'",
                                  .rule = "is missing: the config wants it with shape " + shape_text(shape)});
  }
  if (tensor->shape == shape) return *tensor;
  throw FormatError(
      ErrorFields{.file = source_.file_of(*tensor),
                  .field = "tensor '" + tensor->name + "'",
                  .rule = "the config wants " + shape_text(shape) + ", the file has " + shape_text(tensor->shape)});
}

void WeightSource::count_parameters(const TensorInfo& tensor) {
  if (!read_.insert(tensor.name).second) return;
  std::int64_t count = 1;
  for (const std::uint64_t d : tensor.shape) count *= static_cast<std::int64_t>(d);
  n_parameters_ += count;
}

const TensorInfo& WeightSource::take(const std::string& name, const std::vector<std::uint64_t>& shape) {
  const TensorInfo& tensor = find_shaped(name, shape);
  if (!holds_floats(tensor)) {
    throw UnsupportedError(ErrorFields{.file = source_.file_of(tensor),
                                       .field = "tensor '" + tensor.name + "'",
                                       .value = std::string(stored_type_name(tensor)),
                                       .rule = "weights must be floating-point numbers of 8 bits or more"});
  }
  count_parameters(tensor);
  return tensor;
}

WeightSource::Job& WeightSource::note_job(const StoredMatrix& stored) {
  std::vector<std::size_t>& noted = jobs_of_[stored.tensor];
  const auto same = std::ranges::find_if(noted, [&](std::size_t j) { return jobs_[j].stored.part == stored.part; });
  if (same != noted.end()) return jobs_[*same];
  noted.push_back(jobs_.size());
  return jobs_.emplace_back(Job{.stored = stored, .matrix = std::make_shared<PackedMatrix>(stored.n, stored.k)});
}

// Rows of a matrix in blocks are whole blocks of whole stored rows.
void WeightSource::check_blocks(const StoredMatrix& stored) const {
  if (stored.whole_blocks()) return;
  throw UnsupportedError(ErrorFields{.file = source_.file_of(*stored.tensor),
                                     .field = "tensor '" + stored.tensor->name + "'",
                                     .value = std::string(stored_type_name(*stored.tensor)),
                                     .rule = "the model needs parts of its blocks: store this tensor as F16 or F32"});
}

WeightSource::Job& WeightSource::note(const std::string& name, std::size_t n, std::size_t k, const Part& part) {
  const TensorInfo& tensor = take(name, part.stored_shape(n, k));
  StoredMatrix stored{.tensor = &tensor, .part = part, .n = n, .k = k};
  stored.part.transposed = part.transposed != tensor.transposed;
  check_blocks(stored);
  return note_job(stored);
}

// `name` is the one that the family asks for: of a checkpoint of the Llama kind, or without a meaning here.
void WeightSource::note_product(Job& job, const std::string& name) const {
  job.step_used = step_used_;
  job.step_all = step_all_;
  job.use.product = true;
  job.use.scores = job.use.scores || name.ends_with("lm_head");
  job.use.routes = name.ends_with("gate") || name.ends_with("router") || name.ends_with("router.weight");
  job.use.early = in_first_layer(name) && !in_attention(name);
  job.use.values = name.ends_with(".v_proj") && job.matrix->rows() < job.matrix->columns();
}

std::shared_ptr<const PackedMatrix> WeightSource::matrix(const std::string& name, std::size_t n, std::size_t k,
                                                         const Part& part) {
  Job& job = note(name, n, k, part);
  job.use.looked_up = true;
  return job.matrix;
}

std::shared_ptr<const PackedMatrix> WeightSource::factor(const std::string& name, std::size_t n, std::size_t k,
                                                         const Part& part) {
  Job& job = note(name, n, k, part);
  note_product(job, name);
  job.use.factor = true;
  return job.matrix;
}

// `count` neighbouring numbers from number `first` on.
std::vector<float> WeightSource::read_numbers(const TensorInfo& tensor, std::size_t first, std::size_t count) const {
  const StoredUnit unit = stored_unit(tensor);  // a vector, or a plane, is whole units
  std::vector<std::byte> stored(count / unit.numbers * unit.bytes);
  source_.read(tensor, first / unit.numbers * unit.bytes, stored);
  std::vector<float> numbers(count);
  read_floats(tensor, stored, numbers);
  return numbers;
}

std::vector<float> WeightSource::values(const std::string& name, const std::vector<std::uint64_t>& shape) {
  const TensorInfo& tensor = take(name, shape);
  const StoredUnit unit = stored_unit(tensor);
  return read_numbers(tensor, 0, tensor.bytes / unit.bytes * unit.numbers);
}

std::vector<float> WeightSource::vector(const std::string& name, std::size_t n, const Part& part) {
  std::vector<std::uint64_t> shape{part.stored_outputs(n)};
  if (part.planes > 0) shape.insert(shape.begin(), part.planes);
  const std::size_t count = part.stored_outputs(n);  // of the one plane
  const std::vector<float> all = read_numbers(take(name, shape), part.plane * count, count);
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = all[part.stored_output(i)];
  return values;
}

Linear WeightSource::linear(const std::string& name, std::size_t n, std::size_t k, bool bias, const Part& part) {
  Job& job = note(name + ".weight", n, k, part);
  note_product(job, name);
  std::vector<float> biases = bias ? vector(name + ".bias", n, part) : std::vector<float>();
  const std::size_t outputs = part.stored_outputs(n);
  const bool adapts = part.planes == 0 && part.stored_inputs(k) == k;
  auto slot = adapts ? slots_[name] : nullptr;
  if (slot == nullptr) slot = std::make_shared<AdapterSlot>(name, k, outputs);
  if (adapts) slots_[name] = slot;
  return {job.matrix, std::move(biases), std::move(slot), part};
}

Linear WeightSource::linear(const ProductNames& names, std::size_t n, std::size_t k, const Part& part) {
  Job& job = note(names.matrix, n, k, part);
  note_product(job, names.matrix);
  std::vector<float> biases = names.bias.empty() ? std::vector<float>() : vector(names.bias, n, part);
  return {job.matrix, std::move(biases), std::make_shared<AdapterSlot>(names.matrix, k, part.stored_outputs(n)), part};
}

Norm WeightSource::rms_norm(const std::string& name, std::size_t n, float eps, float offset) {
  std::vector<float> gain = vector(name + ".weight", n);
  for (float& g : gain) g += offset;
  return Norm::rms(std::move(gain), eps);
}

Norm WeightSource::layer_norm(const std::string& name, std::size_t n, float eps, bool bias, float offset) {
  std::vector<float> gain = vector(name + ".weight", n);
  for (float& g : gain) g += offset;
  return Norm::layer(std::move(gain), bias ? vector(name + ".bias", n) : std::vector<float>(), eps);
}

WeightFormat WeightSource::Job::format(int bits) const { return weight_format(*stored.tensor, use, bits); }

bool WeightSource::Job::keeps_stored() const {
  const TensorInfo& tensor = *stored.tensor;
  if (tensor.block != nullptr) return kernels::find_weight_format(*tensor.block) == matrix->format();
  return !stored.part.transposed && dtype_of(matrix->format()) == tensor.dtype;
}

std::size_t WeightSource::bytes_for(int bits) const {
  std::size_t bytes = 0;
  for (const Job& job : jobs_) bytes += job.matrix->bytes_in(job.format(bits));
  return bytes;
}

// As asked for; unasked the first of these that leaves room for the state.
int WeightSource::choose_bits(const WeightLoadOptions& options) const {
  const std::size_t available = available_memory();
  const auto share = static_cast<std::size_t>(kShareOfMemory * static_cast<double>(available));
  int bits = options.bits;
  for (const int smaller : {16, 8, 4}) {
    if (options.bits != 0 || bytes_for(bits) + options.state_bytes <= share) break;
    if (bytes_for(smaller) < bytes_for(bits)) bits = smaller;
  }
  if (bits != options.bits) {
    log_notice(LogLevel::warning, "weights are held in " + std::to_string(bits) + " bits (" +
                                      gibibytes(bytes_for(bits)) + "): as stored they would take " +
                                      gibibytes(bytes_for(0)) + ", " + gibibytes(available) + " of memory is free");
  }
  const std::size_t needed = bytes_for(bits);
  if (needed <= available) return bits;
  const std::size_t least = bytes_for(4);
  const std::string remedy = least < needed ? "; try --bits 4 (" + gibibytes(least) + ")" : "";
  throw LimitError(ErrorFields{
      .file = source_.describe(),
      .rule = "needs " + gibibytes(needed) + " of memory, " + gibibytes(available) + " available" + remedy});
}

// Rows of one panel into `job`'s matrix.
void WeightSource::pack(const Job& job, std::size_t panel, const float* rows) const {
  const std::size_t count = job.matrix->rows_of(panel) * job.matrix->columns();
  if (kernels::in_blocks(job.matrix->format())) check_fits_blocks(source_, job.stored, {rows, count});
  job.matrix->pack(panel, rows);
}

// Several panels at a time: about kReadBytes, or a worker's whole share where each reading serves all its rows.
void WeightSource::fill(const Job& job, std::size_t first_panel, std::size_t last_panel, bool check) const {
  PackedMatrix& matrix = *job.matrix;
  const std::size_t k = matrix.columns();
  const std::size_t row_bytes = std::max<std::size_t>(1, job.stored.row_bytes());
  const std::size_t share = last_panel - first_panel;
  const std::size_t at_once =
      job.stored.part.transposed ? share : std::clamp<std::size_t>(kReadBytes / (kPanel * row_bytes), 1, share);
  const bool keeps_stored = job.keeps_stored();
  std::vector<std::byte> stored(keeps_stored ? at_once * kPanel * row_bytes : 0);
  std::vector<float> rows(keeps_stored && !check ? 0 : at_once * kPanel * k);
  std::size_t not_finite = 0;
  for (std::size_t panel = first_panel; panel < last_panel; panel += at_once) {
    const std::size_t last = std::min(last_panel, panel + at_once);
    const std::size_t count = std::min(matrix.rows(), last * kPanel) - panel * kPanel;
    if (!rows.empty()) read_matrix_rows(source_, job.stored, panel * kPanel, count, rows.data());
    if (check) not_finite += count_not_finite({rows.data(), count * k});
    if (keeps_stored) read_stored_rows(source_, job.stored, panel * kPanel, count, stored.data());
    for (std::size_t p = panel; p < last; ++p) {
      if (keeps_stored) {
        matrix.pack_stored(p, stored.data() + (p - panel) * kPanel * row_bytes);
      } else {
        pack(job, p, rows.data() + (p - panel) * kPanel * k);
      }
    }
  }
  if (check) report_not_finite(*job.stored.tensor, not_finite);
}

// One after the other in one memory: of huge pages, each matrix by itself would leave half of one empty.
void WeightSource::place_matrices(int bits) {
  std::vector<std::size_t> places;
  std::size_t end = 0;
  for (const Job& job : jobs_) {
    places.push_back(end);
    const std::size_t bytes = job.matrix->bytes_in(job.format(bits));
    end += (bytes + PackedMatrix::kAlignment - 1) / PackedMatrix::kAlignment * PackedMatrix::kAlignment;
  }
  const auto memory = std::make_shared<Buffer>(end);
  for (std::size_t i = 0; i < jobs_.size(); ++i) jobs_[i].matrix->place(jobs_[i].format(bits), memory, places[i]);
}

void WeightSource::load(const WeightLoadOptions& options, ThreadPool& pool) {
  report_unread(options.strict);
  const int bits = choose_bits(options);
  note_unpacking(bits);
  place_matrices(bits);
  std::size_t panels = 0;
  for (const Job& job : jobs_) {
    weight_bytes_ += job.matrix->bytes() * job.step_used / job.step_all;
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

void WeightSource::note_unpacking(int bits) const {
  std::set<std::string_view> names;
  for (const Job& job : jobs_) {
    if (bits == 0 && job.stored.tensor->block != nullptr && !kernels::find_weight_format(*job.stored.tensor->block)) {
      names.insert(job.stored.tensor->block->name);
    }
  }
  if (names.empty()) return;
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  log_notice(LogLevel::info, source_.describe() + ": weights in " + list +
                                 " are held in 16 bits: no product computes with these blocks");
}

std::vector<StoragePlan> WeightSource::storage(int bits) const {
  std::vector<StoragePlan> plans;
  for (const TensorInfo& tensor : source_.tensors()) {
    StoragePlan plan{.tensor = &tensor};
    const auto noted = jobs_of_.find(&tensor);
    if (noted != jobs_of_.end()) {
      for (const std::size_t j : noted->second) plan.add(jobs_[j].stored, jobs_[j].format(bits));
    }
    plans.push_back(plan);
  }
  return plans;
}

bool WeightSource::all_f32() const {
  return std::ranges::all_of(jobs_, [](const Job& job) { return job.matrix->format() == WeightFormat::f32; });
}

int WeightSource::bits() const {
  std::map<int, std::size_t> weights;  // by bits
  for (const Job& job : jobs_) weights[code_bits(job.matrix->format())] += job.matrix->rows() * job.matrix->columns();
  const auto most = std::ranges::max_element(weights, {}, [](const auto& entry) { return entry.second; });
  return most == weights.end() ? 0 : most->first;
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
