// The scan kernel, once per instruction set, and the choice between them at run time.
//
// Codes lie in blocked-8 form: eight codes a block, word 0 of all eight, then word 1 of all eight, and so on,
// so that a vector register holds the same word of neighbouring codes and nothing is added across lanes. A
// code has `words` words of 64 bits; bits past its length are zero in code and query alike.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagehash::hamming {

constexpr int kBlock = 8;  // codes in a block

// A code within the threshold: its position among the codes scanned, and its Hamming distance to the query.
struct Hit {
    uint16_t position;
    uint16_t distance;
};

// Writes the codes among the first `count` with distance <= threshold to hits[], in order of position, and
// returns how many. Reads whole blocks, so the last block must be readable to its end. hits[] has room for
// `count`, count <= 65536.
using ScanFunction = size_t (*)(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                                int threshold, Hit *hits);

struct Kernel {
    const char *name;  // "avx512", "avx2", "popcnt", "neon", "plain"
    ScanFunction scan;
};

// The kernels this processor and operating system can run, fastest first; the last is always "plain".
size_t supported_kernels(Kernel *kernels, size_t room);

// The fastest of them, chosen once.
const Kernel &best_kernel();

// One function a translation unit, each compiled for its instruction set and defined on its architecture
// only.
size_t scan_plain(const uint64_t *, size_t, int, const uint64_t *, int, Hit *);
size_t scan_popcnt(const uint64_t *, size_t, int, const uint64_t *, int, Hit *);
size_t scan_avx2(const uint64_t *, size_t, int, const uint64_t *, int, Hit *);
size_t scan_avx512(const uint64_t *, size_t, int, const uint64_t *, int, Hit *);
size_t scan_neon(const uint64_t *, size_t, int, const uint64_t *, int, Hit *);

}  // namespace imagehash::hamming
