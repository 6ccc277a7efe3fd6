#include "text/models/bpe.h"
#include "text/stage.h"

namespace skald::text {
namespace {

constexpr StageType<Model> kTypes[] = {
    {"BPE", make_as<Bpe, Model>},
};

}  // namespace

std::unique_ptr<Model> make_model(const json::Fields& fields) { return make_stage<Model>(fields, kTypes); }

}  // namespace skald::text
