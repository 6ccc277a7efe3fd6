#include "kernels/recurrence.h"

namespace skald::kernels {
namespace scalar {
extern const RecurrenceTable kRecurrences;
}
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
namespace avx2 {
extern const RecurrenceTable kRecurrences;
}
namespace avx512 {
extern const RecurrenceTable kRecurrences;
}
#endif

const RecurrenceTable& recurrences([[maybe_unused]] const KernelTable& table) {
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
  if (table.required.has({CpuFeature::avx512})) return avx512::kRecurrences;
  if (table.required.has({CpuFeature::avx2})) return avx2::kRecurrences;
#endif
  return scalar::kRecurrences;
}

}  // namespace skald::kernels
