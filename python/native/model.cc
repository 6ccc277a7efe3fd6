// Models.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "bindings.h"
#include "interpreter.h"
#include "skald/skald.h"
#include "values.h"

namespace skald::python {
namespace {

using Names = std::map<std::string, std::string>;

// While a model loads, signals are looked at as often as progress is told.
std::function<void(double)> watched(nb::handle progress) {
  return [held = keep(nb::borrow(progress))](double fraction) {
    with_gil([&] {
      check_signals();
      if (!held->object.is_none()) held->object(fraction);
    });
  };
}

Owned<Model> load(const std::string& path, int bits, int kv_bits, int threads, bool strict, bool check_weights,
                  std::vector<std::string> adapters, std::string draft, Names experts, Names control_vectors,
                  std::int64_t prefill_chunk, std::size_t kv_budget_bytes, nb::handle progress) {
  const LoadOptions options{.bits = bits,
                            .kv_bits = kv_bits,
                            .threads = threads,
                            .strict = strict,
                            .check_weights = check_weights,
                            .adapters = std::move(adapters),
                            .draft = std::move(draft),
                            .experts = std::move(experts),
                            .control_vectors = std::move(control_vectors),
                            .prefill_chunk = prefill_chunk,
                            .kv_budget_bytes = kv_budget_bytes,
                            .progress = watched(progress)};
  return Owned<Model>([&] {
    const Unlocked unlocked;
    return Model::load(path, options);
  }());
}

nb::dict info_dict(const ModelInfo& info) {
  nb::dict d;
  d["path"] = info.path;
  d["format"] = info.format;
  d["architecture"] = info.architecture;
  d["dtype"] = info.dtype;
  d["parameters"] = info.parameters;
  d["tensors"] = info.tensors;
  d["encoder_layers"] = info.encoder_layers;
  d["layers"] = info.layers;
  d["hidden_size"] = info.hidden_size;
  d["heads"] = info.heads;
  d["kv_heads"] = info.kv_heads;
  d["head_dim"] = info.head_dim;
  d["context"] = info.context;
  d["vocab_size"] = info.vocab_size;
  d["tokenizer"] = info.tokenizer;
  d["chat_template"] = info.chat_template;
  d["weight_bytes"] = info.weight_bytes;
  d["kv_bytes_per_token"] = info.kv_bytes_per_token;
  return d;
}

nb::dict statistics_dict(const Statistics& statistics) {
  nb::dict d;
  d["passes"] = statistics.passes;
  d["rows"] = statistics.rows;
  d["encoder_passes"] = statistics.encoder_passes;
  d["cached_prompt_rows"] = statistics.cached_prompt_rows;
  d["preemptions"] = statistics.preemptions;
  d["kept_sequences"] = statistics.kept_sequences;
  d["state_bytes"] = statistics.state_bytes;
  return d;
}

// `texts` and `given`: lists of the same length; None in `given`: nothing stands before.
std::vector<TextScore> score(const Model& model, const nb::list& texts, const nb::list& given,
                             const ScoreOptions& options) {
  std::vector<ScoreInput> inputs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ScoreInput& input = inputs.emplace_back(ScoreInput{.text = to_prompt(texts[i])});
    if (!nb::handle(given[i]).is_none()) input.given = to_prompt(given[i]);
  }
  const Interruptible waiting;
  return model.score(inputs, options);
}

Pooling pooling_of(const std::string& name) {
  if (name == "mean") return Pooling::mean;
  if (name == "last") return Pooling::last;
  if (name == "first") return Pooling::first;
  throw OptionError({.field = "pooling", .value = quoted(name), .rule = "must be mean, last or first"});
}

// [texts, hidden_size]
nb::object embeddings(const Model& model, nb::handle texts, const std::string& pooling, bool normalize,
                      std::optional<std::int64_t> layer) {
  const std::vector<Prompt> prompts = to_prompts(texts);
  const EmbedOptions options{.pooling = pooling_of(pooling), .normalize = normalize, .layer = layer};
  std::vector<std::vector<float>> vectors;
  {
    const Interruptible waiting;
    vectors = embed(model, prompts, options);
  }
  auto* const all = new std::vector<float>();
  const nb::capsule owner(all, [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
  for (const std::vector<float>& vector : vectors) all->insert(all->end(), vector.begin(), vector.end());
  const std::initializer_list<std::size_t> shape = {vectors.size(), vectors.front().size()};
  return nb::cast(nb::ndarray<nb::numpy, float>(all->data(), shape.size(), shape.begin(), owner));
}

}  // namespace

void bind_model(nb::module_& m) {
  nb::class_<Model>(m, "Model", "A model in memory, shared by its copies; any thread may use it.")
      .def_static("load", &load, nb::arg("path"), nb::kw_only(), nb::arg("bits") = 0, nb::arg("kv_bits") = 0,
                  nb::arg("threads") = 0, nb::arg("strict") = false, nb::arg("check_weights") = false,
                  nb::arg("adapters") = std::vector<std::string>(), nb::arg("draft") = "", nb::arg("experts") = Names(),
                  nb::arg("control_vectors") = Names(), nb::arg("prefill_chunk") = 512, nb::arg("kv_budget_bytes") = 0,
                  nb::arg("progress") = nb::none(),
                  nb::sig("def load(path: str, *, bits: int = 0, kv_bits: int = 0, threads: int = 0, strict: bool = "
                          "False, check_weights: bool = False, adapters: collections.abc.Sequence[str] = [], draft: "
                          "str = '', experts: collections.abc.Mapping[str, str] = {}, control_vectors: "
                          "collections.abc.Mapping[str, str] = {}, prefill_chunk: int = 512, kv_budget_bytes: int = "
                          "0, progress: collections.abc.Callable[[float], object] | None = None) -> Model"))
      .def_static("shipped_path", &Model::shipped_path, "The folder of the model that ships with Skald.")
      .def_static(
          "inspect", [](const std::string& path) { return info_dict(Model::inspect(path)); }, nb::arg("path"),
          nb::sig("def inspect(path: str) -> dict[str, typing.Any]"))
      .def_prop_ro(
          "info", [](const Model& model) { return info_dict(model.info()); },
          nb::sig("def info(self) -> dict[str, typing.Any]"))
      .def_prop_ro(
          "statistics", [](const Model& model) { return statistics_dict(model.statistics()); },
          nb::sig("def statistics(self) -> dict[str, int]"))
      .def_prop_ro("generation_config", &Model::generation_config)
      .def_prop_ro("tokenizer", &Model::tokenizer)
      .def_prop_ro("has_tokenizer", &Model::has_tokenizer)
      .def_prop_ro("threads", &Model::threads)
      .def_prop_ro("weight_bytes", &Model::weight_bytes)
      .def(
          "score",
          [](const Model& model, const nb::list& texts, const nb::list& given, std::int64_t top) {
            return score(model, texts, given, {.top = top});
          },
          nb::arg("texts"), nb::arg("given"), nb::arg("top") = 0,
          nb::sig("def score(self, texts: list[str | collections.abc.Iterable[int]], given: list[str | "
                  "collections.abc.Iterable[int] | None], top: int = 0) -> list[TextScore]"));
  const nb::class_<Owned<Model>, Model> owned(m, "_OwnedModel", "What load() gives.");
  m.def("embed", &embeddings, nb::arg("model"), nb::arg("texts"), nb::arg("pooling") = "mean",
        nb::arg("normalize") = true, nb::arg("layer") = nb::none(),
        nb::sig("def embed(model: Model, texts: typing.Iterable[str | typing.Iterable[int]], pooling: str = 'mean', "
                "normalize: bool = True, layer: int | None = None) -> numpy.ndarray"));
  m.def(
      "find_model", [](const std::string& name) { return find_model(name); }, nb::arg("name"));
}

}  // namespace skald::python
