#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
#include "kernels/isa_headers.h"
#include "kernels/recurrence.h"

#define SKALD_ISA avx512
#define SKALD_ISA_TARGET "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512cd"
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_avx512-inl.h"
#include "kernels/math-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/recurrence-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::avx512 {
extern const RecurrenceTable kRecurrences;
constinit const RecurrenceTable kRecurrences{scan_channels, decaying_mean};
}  // namespace skald::kernels::avx512
#endif
