// Weights on their way from disk into a model: asked for by name and shape, then read all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "formats/tensor_source.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/packed_matrix.h"
#include "nn/storage_plan.h"
#include "nn/stored_matrix.h"
#include "nn/weight_part.h"
#include "nn/weight_precision.h"

namespace skald::nn {

/// How matrices are to be held.
struct WeightLoadOptions {
  int bits = 0;                 // 32, 16, 8, 4, or 0: as stored, or smaller where that does not fit
  bool strict = false;          // an unread tensor is an error
  bool check_weights = false;   // report NaN and Inf
  std::size_t state_bytes = 0;  // what keys and values will want, by the side of the weights, in f32
  std::function<void(double fraction)> progress = {};  // on the calling thread
};

/// Tensors of one product whose names follow no pattern.
struct ProductNames {
  std::string matrix;
  std::string bias = {};  // empty: none
};

/// Two steps: a family's constructor asks for weights, which are then only noted (small vectors are read at once);
/// load() checks the memory and fills all matrices in parallel. A weight is looked up under its name, and with the
/// family's base prefix added or taken away.
class WeightSource {
 public:
  /// `base_prefix`: "model."
  WeightSource(const TensorSource& source, std::string base_prefix);

  [[nodiscard]] bool has(const std::string& name) const { return find(name) != nullptr; }
  /// W [n, k] under `name`, or the part of what stands there. The same name and part give the same matrix. Throws
  /// FormatError with both shapes where it is missing or misshapen, or holds no numbers that can be weights.
  std::shared_ptr<const PackedMatrix> matrix(const std::string& name, std::size_t n, std::size_t k,
                                             const Part& part = {});
  /// The same for a matrix that every step reads whole, though no Linear: it takes no adapters.
  std::shared_ptr<const PackedMatrix> factor(const std::string& name, std::size_t n, std::size_t k,
                                             const Part& part = {});
  /// All numbers of a small tensor of any shape, as f32.
  std::vector<float> values(const std::string& name, const std::vector<std::uint64_t>& shape);
  /// A vector [n], as f32: the outputs of `part` where the tensor has more.
  std::vector<float> vector(const std::string& name, std::size_t n, const Part& part = {});
  /// `name`.weight [n, k] and, if `bias`, `name`.bias [n]. Parts of one weight share its adapters.
  Linear linear(const std::string& name, std::size_t n, std::size_t k, bool bias = false, const Part& part = {});
  /// The same of tensors named one by one. It takes no adapters.
  Linear linear(const ProductNames& names, std::size_t n, std::size_t k, const Part& part);
  /// Of the Linears asked for from now on a step of one row reads `used` in `all`: routed experts.
  void set_step_share(std::size_t used, std::size_t all) { step_used_ = used, step_all_ = all; }
  /// `name`.weight [n] + `offset`.
  Norm rms_norm(const std::string& name, std::size_t n, float eps, float offset = 0);
  /// `name`.weight [n] + `offset` and, if `bias`, `name`.bias [n].
  Norm layer_norm(const std::string& name, std::size_t n, float eps, bool bias = true, float offset = 0);

  /// Tensors that may stay unread without a word: names with `*` for any characters.
  void leave(std::string pattern) { silent_.push_back(std::move(pattern)); }

  /// Reads all matrices. Throws LimitError before taking memory where it would not fit.
  void load(const WeightLoadOptions& options, ThreadPool& pool);

  /// Bytes that the matrices take with `bits` of 32, 16, 8 or 4, or 0: as stored.
  [[nodiscard]] std::size_t bytes_for(int bits) const;
  /// How to store each tensor so that it is loaded as with `bits`: all of the source, in its order.
  [[nodiscard]] std::vector<StoragePlan> storage(int bits) const;
  [[nodiscard]] std::int64_t n_parameters() const { return n_parameters_; }
  /// Bytes of the matrices that a step of one row reads, once loaded.
  [[nodiscard]] std::size_t weight_bytes() const { return weight_bytes_; }
  /// Whether every matrix is held as f32, once loaded.
  [[nodiscard]] bool all_f32() const;
  /// The bits of most of its weights, once loaded: 32, 16, 8, 6 ...
  [[nodiscard]] int bits() const;
  /// The adapter slots of all Linears, by the name of their weight without ".weight".
  [[nodiscard]] std::map<std::string, std::shared_ptr<AdapterSlot>> take_adapter_slots() { return std::move(slots_); }

 private:
  struct Job {
    StoredMatrix stored;
    std::shared_ptr<PackedMatrix> matrix;
    // Of the matrix a step of one row reads step_used in step_all: all that Linears multiply by, of an embedding a row.
    std::size_t step_used = 0;
    std::size_t step_all = 1;
    MatrixUse use = {};

    [[nodiscard]] kernels::WeightFormat format(int bits) const;
    // Whether `matrix` takes the stored numbers or blocks as they are.
    [[nodiscard]] bool keeps_stored() const;
  };

  [[nodiscard]] const TensorInfo* find(const std::string& name) const;
  const TensorInfo& take(const std::string& name, const std::vector<std::uint64_t>& shape);
  const TensorInfo& find_shaped(const std::string& name, const std::vector<std::uint64_t>& shape) const;
  void count_parameters(const TensorInfo& tensor);
  [[nodiscard]] std::vector<float> read_numbers(const TensorInfo& tensor, std::size_t first, std::size_t count) const;
  [[nodiscard]] int choose_bits(const WeightLoadOptions& options) const;
  void report_unread(bool strict) const;
  Job& note(const std::string& name, std::size_t n, std::size_t k, const Part& part);
  Job& note_job(const StoredMatrix& stored);
  void note_product(Job& job, const std::string& name) const;
  void fill(const Job& job, std::size_t first_panel, std::size_t last_panel, bool check) const;
  void place_matrices(int bits);
  void check_blocks(const StoredMatrix& stored) const;
  void note_unpacking(int bits) const;
  void pack(const Job& job, std::size_t panel, const float* rows) const;

  const TensorSource& source_;
  std::string base_prefix_;
  std::vector<Job> jobs_;
  std::map<const TensorInfo*, std::vector<std::size_t>> jobs_of_;  // indices into jobs_
  std::set<std::string_view> read_;
  std::vector<std::string> silent_;
  std::map<std::string, std::shared_ptr<AdapterSlot>> slots_;
  std::size_t step_used_ = 1;
  std::size_t step_all_ = 1;
  std::int64_t n_parameters_ = 0;
  std::size_t weight_bytes_ = 0;
};

}  // namespace skald::nn
