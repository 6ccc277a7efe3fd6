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

}  // namespace
}  // namespace skald::kernels
