// Control vectors of pairs of texts: include/skald/control_vector.h.
#include "skald/control_vector.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/model_access.h"
#include "engine/text_ids.h"
#include "models/control_vector.h"
#include "skald/error.h"

namespace skald {
namespace {

using Method = ControlVectorOptions::Method;

constexpr std::size_t kPairsTogether = 64;  // that one call computes
constexpr std::size_t kMostPairs = 100'000;
constexpr int kMostIterations = 10'000;
constexpr double kConverged = 1e-14;  // 1 - cosine of two estimates of a component

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Scales `v` to length 1; false where it has none.
bool normalize(std::vector<double>& v) {
  const double length = std::sqrt(dot(v, v));
  if (!(length > 0)) return false;
  for (double& x : v) x /= length;
  return true;
}

// Differences of one layer, [pairs, hidden].
struct Differences {
  std::size_t hidden = 0;
  std::vector<double> values = {};

  [[nodiscard]] std::size_t size() const { return values.size() / hidden; }
  [[nodiscard]] std::span<const double> row(std::size_t i) const {
    return std::span(values).subspan(i * hidden, hidden);
  }

  [[nodiscard]] std::vector<double> mean() const {
    std::vector<double> sum(hidden);
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t k = 0; k < hidden; ++k) sum[k] += row(i)[k];
    }
    for (double& x : sum) x /= static_cast<double>(size());
    return sum;
  }

  // The direction of unit length that most of them lie along, by power iteration: v becomes D^T (D v).
  [[nodiscard]] std::vector<double> first_component() const {
    std::vector<double> v(row(longest()).begin(), row(longest()).end());
    if (!normalize(v)) return v;
    for (int i = 0; i < kMostIterations; ++i) {
      std::vector<double> next(hidden);
      for (std::size_t r = 0; r < size(); ++r) {
        const double along = dot(row(r), v);
        for (std::size_t k = 0; k < hidden; ++k) next[k] += along * row(r)[k];
      }
      normalize(next);
      const double turned = 1 - dot(next, v);
      v = std::move(next);
      if (turned < kConverged) break;
    }
    return v;
  }

 private:
  [[nodiscard]] std::size_t longest() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < size(); ++i) {
      if (dot(row(i), row(i)) > dot(row(best), row(best))) best = i;
    }
    return best;
  }
};

std::vector<float> direction_of(const Differences& differences, Method method) {
  std::vector<double> direction = differences.mean();
  if (method == Method::pca) {
    const std::vector<double> mean = std::exchange(direction, differences.first_component());
    const double length = dot(direction, mean);
    for (double& x : direction) x *= length;
  }
  return {direction.begin(), direction.end()};
}

[[noreturn]] void refuse(std::string field, std::string value, std::string rule) {
  throw OptionError({.field = std::move(field), .value = std::move(value), .rule = std::move(rule)});
}

class Maker {
 public:
  Maker(const Model& model, std::span<const TextPair> pairs, const ControlVectorOptions& options)
      : model_(model), shape_(ModelAccess::shape(model)), pairs_(pairs), options_(options) {
    check();
    // GGUF has no direction for the first layer. Layer N's is made of the states behind it: after N + 1 layers.
    for (std::int64_t n = 2; n < shape_.n_layers; ++n) taps_.push_back(static_cast<std::int32_t>(n));
    differences_.resize(taps_.size(), {.hidden = static_cast<std::size_t>(shape_.hidden_size)});
  }

  ControlVector make() {
    const std::size_t n = pairs_.size() * std::max<std::size_t>(1, options_.openings.size());
    for (std::size_t begin = 0; begin < n; begin += kPairsTogether) {
      add(begin, std::min(n, begin + kPairsTogether));
      if (options_.progress)
        options_.progress(static_cast<double>(std::min(n, begin + kPairsTogether)) / static_cast<double>(n));
    }
    ControlVector vector{.model_type = shape_.model_type,
                         .directions = std::vector<std::vector<float>>(static_cast<std::size_t>(shape_.n_layers))};
    bool differ = false;
    for (std::size_t i = 0; i < taps_.size(); ++i) {
      std::vector<float> direction = direction_of(differences_[i], options_.method);
      differ |= std::ranges::any_of(direction, [](float v) { return v != 0; });
      vector.directions[static_cast<std::size_t>(taps_[i]) - 1] = std::move(direction);
    }
    if (!differ) refuse("pairs", {}, "the positive texts do not differ from the negative ones");
    return vector;
  }

 private:
  void check() const {
    if (shape_.encodes || shape_.n_layers < 3) {
      throw UnsupportedError(
          {.file = model_.info().path,
           .rule = "control vectors are made for models of three layers and more without an encoder"});
    }
    if (pairs_.empty()) refuse("pairs", {}, "there are none: give a positive and a negative text");
    if (pairs_.size() * std::max<std::size_t>(1, options_.openings.size()) > kMostPairs) {
      throw LimitError({.field = "pairs", .rule = "at most " + std::to_string(kMostPairs) + ", times the openings"});
    }
  }

  [[nodiscard]] std::vector<TokenId> encode(const std::string& text, std::size_t pair, const char* which) const {
    std::vector<TokenId> ids = model_.tokenizer().encode_ids(text);
    const std::string field = "pair " + std::to_string(pair) + ", " + which;
    if (ids.empty()) refuse(field, {}, "is empty");
    engine::check_text_length(std::ssize(ids), shape_.hard_limit ? shape_.max_positions : 0, field);
    return ids;
  }

  // Pairs with openings number [begin, end).
  void add(std::size_t begin, std::size_t end) {
    std::vector<Prompt> prompts;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t pair = i % pairs_.size();
      const std::string opening = options_.openings.empty() ? std::string() : options_.openings[i / pairs_.size()];
      prompts.push_back(encode(pairs_[pair].positive + opening, pair, "positive"));
      prompts.push_back(encode(pairs_[pair].negative + opening, pair, "negative"));
    }
    const std::vector<std::vector<float>> states = ModelAccess::states(model_, prompts, taps_, Pooling::last);
    const auto hidden = static_cast<std::size_t>(shape_.hidden_size);
    for (std::size_t i = 0; i < states.size(); i += 2) {
      for (std::size_t k = 0; k < taps_.size() * hidden; ++k) {
        differences_[k / hidden].values.push_back(static_cast<double>(states[i][k]) -
                                                  static_cast<double>(states[i + 1][k]));
      }
    }
  }

  const Model& model_;
  const models::ModelShape& shape_;
  std::span<const TextPair> pairs_;
  const ControlVectorOptions& options_;
  std::vector<std::int32_t> taps_;  // the states after so many layers are looked at
  std::vector<Differences> differences_;
};

}  // namespace

ControlVector make_control_vector(const Model& model, std::span<const TextPair> pairs,
                                  const ControlVectorOptions& options) {
  return Maker(model, pairs, options).make();
}

void ControlVector::save(const std::string& path) const {
  models::save_control_vector(path, {.after_layer = directions}, model_type);
}

}  // namespace skald
