#include "engine/folder.h"

#include <gtest/gtest.h>

#include "engine/small_tokenizer.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald::engine {
namespace {

TEST(Folder, TokenizerMustFitTheEmbedding) {
  const text::Tokenizer tokenizer = test::small_tokenizer();  // texts 0..87 or so, added tokens 90 and 91
  check_tokenizer_fits(tokenizer, 96, "folder");
  check_tokenizer_fits(tokenizer, 90, "folder");  // added tokens may lie beyond
  test::expect_error<FormatError>([&] { check_tokenizer_fits(tokenizer, 60, "folder"); }, "below the 60 rows");
}

}  // namespace
}  // namespace skald::engine
