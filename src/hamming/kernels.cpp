// Chooses the scan kernel: asks the processor, and through it the operating system, what may run.
#include "hamming/kernels.h"

namespace imagehash::hamming {

size_t supported_kernels(Kernel *kernels, size_t room) {
    size_t count = 0;
    auto add = [&](const char *name, ScanFunction scan) {
        if (count < room) kernels[count++] = {name, scan};
    };
#if defined(__x86_64__)
    // GCC's and clang's test includes the XGETBV check that the system saves the wide registers.
    __builtin_cpu_init();
    bool popcnt = __builtin_cpu_supports("popcnt");
    if (popcnt && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq"))
        add("avx512", scan_avx512);
    if (popcnt && __builtin_cpu_supports("avx2")) add("avx2", scan_avx2);
    if (popcnt) add("popcnt", scan_popcnt);
#elif defined(__aarch64__)
    add("neon", scan_neon);  // part of the base architecture
#endif
    add("plain", scan_plain);
    return count;
}

const Kernel &best_kernel() {
    static const Kernel best = [] {
        Kernel kernels[8];
        supported_kernels(kernels, 8);
        return kernels[0];
    }();
    return best;
}

}  // namespace imagehash::hamming
