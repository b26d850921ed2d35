// Chooses the kernel: asks the processor, and through it the operating system, what may run.
#include "hamming/kernels.h"

namespace imagehash::hamming {

size_t supported_kernels(Kernel *kernels, size_t room) {
    size_t count = 0;
    auto add = [&](const Kernel &kernel) {
        if (count < room) kernels[count++] = kernel;
    };
#if defined(__x86_64__)
    // GCC's and clang's test includes the XGETBV check that the system saves the wide registers.
    __builtin_cpu_init();
    bool popcnt = __builtin_cpu_supports("popcnt");
    if (popcnt && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq"))
        add(kAvx512Kernel);
    if (popcnt && __builtin_cpu_supports("avx2")) add(kAvx2Kernel);
    if (popcnt) add(kPopcntKernel);
#elif defined(__aarch64__)
    add(kNeonKernel);  // part of the base architecture
#endif
    add(kPlainKernel);
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
