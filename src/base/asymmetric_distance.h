// How far a code is from what a hasher puts out for a query, before the signs are taken.
#pragma once

#include <cmath>
#include <cstdint>

namespace imagehash {

// The sum of |logit| over the bits in which the code and the signs of the logits differ: a bit that the
// query's logit leaves nearly undecided counts little. bits, a multiple of 8; the first is the highest of
// code[0], and set where the logit is above zero. Source: A. Gordo, F. Perronnin et al., "Asymmetric
// Distances for Binary Embeddings", 2014.
inline double asymmetric_distance(const float *logits, const uint8_t *code, int bits) {
    double distance = 0;
    for (int i = 0; i < bits; i++) {
        const bool set = (code[i / 8] >> (7 - i % 8) & 1) != 0;
        distance += set != (logits[i] > 0) ? std::fabs(static_cast<double>(logits[i])) : 0;
    }
    return distance;
}

}  // namespace imagehash
