// Text to token ids and back.
#include "skald/tokenizer.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "interpreter.h"

namespace skald::python {
namespace {

using Ids = std::vector<std::int32_t>;

TokenizeOptions options(bool add_special_tokens, bool parse_special) {
  return {.add_special_tokens = add_special_tokens, .parse_special = parse_special};
}

Ids encode(const Tokenizer& tokenizer, std::string_view text, bool add_special_tokens, bool parse_special) {
  const Unlocked unlocked;
  return tokenizer.encode_ids(text, options(add_special_tokens, parse_special));
}

// (ids, tokens, offsets)
nb::tuple encode_fully(const Tokenizer& tokenizer, std::string_view text, bool add_special_tokens, bool parse_special) {
  TokenizedText tokens;
  {
    const Unlocked unlocked;
    tokens = tokenizer.encode(text, options(add_special_tokens, parse_special));
  }
  return nb::make_tuple(std::move(tokens.ids), std::move(tokens.tokens), std::move(tokens.offsets));
}

}  // namespace

void bind_tokenizer(nb::module_& m) {
  nb::class_<Tokenizer>(m, "Tokenizer", "A model's own tokenizer; any thread may use it.")
      .def_static("load", &Tokenizer::load, nb::arg("path"), nb::call_guard<Unlocked>())
      .def("encode", &encode, nb::arg("text"), nb::arg("add_special_tokens") = true, nb::arg("parse_special") = true)
      .def("encode_fully", &encode_fully, nb::arg("text"), nb::arg("add_special_tokens") = true,
           nb::arg("parse_special") = true,
           nb::sig("def encode_fully(self, text: str, add_special_tokens: bool = True, parse_special: bool = True) "
                   "-> tuple[list[int], list[str], list[tuple[int, int]]]"))
      .def(
          "decode", [](const Tokenizer& t, const Ids& ids, bool skip) { return t.decode(ids, skip); }, nb::arg("ids"),
          nb::arg("skip_special_tokens") = false)
      .def("token_to_id", &Tokenizer::token_to_id, nb::arg("token"))
      .def("id_to_token", &Tokenizer::id_to_token, nb::arg("id"))
      .def("is_special", &Tokenizer::is_special, nb::arg("id"))
      .def_prop_ro("vocab_size", &Tokenizer::vocab_size)
      .def_prop_ro("bos_id", &Tokenizer::bos_id)
      .def_prop_ro("eos_id", &Tokenizer::eos_id)
      .def_prop_ro("pad_id", &Tokenizer::pad_id);
}

}  // namespace skald::python
