#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
#include "kernels/isa_headers.h"
#include "kernels/recurrence.h"

#define SKALD_ISA avx2
#define SKALD_ISA_TARGET "avx2,fma,f16c"
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_avx2-inl.h"
#include "kernels/math-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/recurrence-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::avx2 {
extern const RecurrenceTable kRecurrences;
constinit const RecurrenceTable kRecurrences{scan_channels, decaying_mean};
}  // namespace skald::kernels::avx2
#endif
