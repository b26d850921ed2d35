// The kernels, once per instruction set, and the choice between them at run time.
//
// Codes lie in blocked-8 form: eight codes a block, word 0 of all eight, then word 1 of all eight, and so on,
// so that a vector register holds the same word of neighboring codes and nothing is added across lanes. A
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

// Writes the distance of each of the first `count` codes to distances[], which has room for `count` rounded
// up to whole blocks; what lies past `count` is undefined afterwards. Reads whole blocks.
using DistancesFunction = void (*)(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                                   uint16_t *distances);

// Lowers nearest[lane], for each of the kBlock lanes (places in a block), to distance << 32 | first +
// position of the lane's code nearest to the query; start with kNoCode. All codes of all blocks take part, so
// padding must be copies of a code. One minimum a lane is what falls out of a register without a reduction.
using NearestFunction = void (*)(const uint64_t *codes, size_t blocks, int words, const uint64_t *query,
                                 uint32_t first, int64_t *nearest);
constexpr int64_t kNoCode = INT64_MAX;

struct Kernel {
    const char *name;  // "avx512", "avx2", "popcnt", "neon", "plain"
    ScanFunction scan;
    DistancesFunction distances;
    NearestFunction nearest;
};

// The kernels this processor and operating system can run, fastest first; the last is always "plain".
size_t supported_kernels(Kernel *kernels, size_t room);

// The fastest of them, chosen once.
const Kernel &best_kernel();

// One translation unit each, compiled for its instruction set and defined on its architecture only.
extern const Kernel kPlainKernel;
extern const Kernel kPopcntKernel;
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
extern const Kernel kNeonKernel;

}  // namespace imagehash::hamming
