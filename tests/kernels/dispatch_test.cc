#include "skald/error.h"
#include "support.h"

namespace skald::kernels {
namespace {

TEST(Dispatch, ListsTheBestFirstAndScalarLast) {
  ASSERT_FALSE(available_tables().empty());
  EXPECT_STREQ(available_tables().back()->name, "scalar");
  for (const KernelTable* table : available_tables()) EXPECT_TRUE(cpu_features().has(table->required)) << table->name;
}

TEST(Dispatch, TakesATableByNameAndRefusesOthersWithTheNames) {
  const std::string before = table().name;
  for (const KernelTable* table : available_tables()) {
    use_table(table->name);
    EXPECT_EQ(&kernels::table(), table);
  }
  try {
    use_table("sse9");
    ADD_FAILURE() << "accepted";
  } catch (const OptionError& error) {
    EXPECT_EQ(error.fields().value, "'sse9'");
    EXPECT_NE(error.fields().rule.find("scalar"), std::string::npos);
  }
  EXPECT_STREQ(table().name, "scalar");
  use_table(before);
}

TEST(Dispatch, SaysWhyThisMachineCannotRunATable) {
  if (find_table("amx") != nullptr) GTEST_SKIP() << "this machine can run amx";
#if !defined(__x86_64__) || defined(SKALD_PORTABLE)
  GTEST_SKIP() << "built without it";
#endif
  try {
    use_table("amx");
    ADD_FAILURE() << "accepted";
  } catch (const OptionError& error) {
    EXPECT_EQ(error.fields().value, "'amx'");
    EXPECT_NE(error.fields().rule.find("lacks amx_tile"), std::string::npos) << error.fields().rule;
  }
}

TEST(Dispatch, ChecksTilesByProductsThatItKnows) {
  EXPECT_TRUE(amx_model::kTable.works());
  for (const auto work : amx_model::kWrongTilesWork) EXPECT_FALSE(work());
}

}  // namespace
}  // namespace skald::kernels
