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
    &amx::kTable,    &avx512bf16::kTable, &avx512vnni::kTable, &avx512::kTable, &avx2::kTable,
#endif
    &scalar::kTable,
};

bool is_available(const KernelTable* table) {
  return cpu_features().has(table->required) && (table->works == nullptr || table->works());
}

std::string why_missing(std::string_view name) {
  const auto* const table =
      std::ranges::find(kTables, name, [](const KernelTable* t) { return std::string_view(t->name); });
  if (table == kTables.end()) return "is no kernel table";
  const CpuFeatures lacking = (*table)->required.without(cpu_features());
  if (lacking.empty()) return "computes wrongly on this machine";
  return "cannot run here: the processor or the system lacks " + lacking.to_string();
}

const KernelTable& find_table(std::string_view name, const char* field) {
  std::string names;
  for (const KernelTable* table : available_tables()) {
    if (name == table->name) return *table;
    names += names.empty() ? "" : ", ";
    names += table->name;
  }
  throw OptionError(
      {.file = {}, .field = field, .value = quoted(name), .rule = why_missing(name) + "; available: " + names});
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
    std::ranges::copy_if(kTables, std::back_inserter(found), is_available);
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
