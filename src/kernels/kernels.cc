#include "kernels/kernels.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/tables.h"
#include "skald/error.h"

namespace skald::kernels {
namespace {

constexpr std::array kTables = {
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
    // AMX is behind both: it has run on the software model of tiles only, SKALD_ISA=amx takes it.
    &avx512vnni::kTable, &avx512::kTable, &amx::kTable, &avx2::kTable,
#endif
    &scalar::kTable,
};

const KernelTable& find_table(std::string_view name, const char* field) {
  std::string names;
  for (const KernelTable* table : available_tables()) {
    if (name == table->name) return *table;
    names += names.empty() ? "" : ", ";
    names += table->name;
  }
  throw OptionError({.file = {},
                     .field = field,
                     .value = quoted(name),
                     .rule = "no kernel table that this machine can run; available: " + names});
}

const KernelTable& choose_table() {
  const char* name = std::getenv("SKALD_ISA");
  return name == nullptr || *name == '\0' ? *available_tables().front() : find_table(name, "SKALD_ISA");
}

std::atomic<const KernelTable*> chosen = nullptr;

}  // namespace

std::span<const KernelTable* const> available_tables() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> found;
    std::ranges::copy_if(kTables, std::back_inserter(found),
                         [](const KernelTable* table) { return cpu_features().has(table->required); });
    return found;
  }();
  return tables;
}

const KernelTable& table() {
  const KernelTable* now = chosen.load(std::memory_order_acquire);
  if (now != nullptr) return *now;
  const KernelTable& choice = choose_table();  // the same in every thread
  chosen.store(&choice, std::memory_order_release);
  return choice;
}

void use_table(std::string_view name) { chosen.store(&find_table(name, "kernel table"), std::memory_order_release); }

}  // namespace skald::kernels
