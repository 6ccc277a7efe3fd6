// The one symbol that each table's source exports.
#pragma once

#include "kernels/kernels.h"

namespace skald::kernels {
namespace scalar {
extern const KernelTable kTable;
}
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
namespace avx2 {
extern const KernelTable kTable;
}
namespace avx512 {
extern const KernelTable kTable;
}
namespace avx512vnni {
extern const KernelTable kTable;
}
namespace avx512bf16 {
extern const KernelTable kTable;
}
namespace amx {
extern const KernelTable kTable;
}
#endif
}  // namespace skald::kernels
