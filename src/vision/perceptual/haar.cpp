// See haar.h. Compiled without contraction.
#include "vision/perceptual/haar.h"

namespace imagehash::vision {

static const double kRoot = 0.70710678118654752440;  // of 1/2

// Sum and difference of a pair.
static void analyse(double &a, double &b) {
    double low = kRoot * b + kRoot * a, high = -kRoot * b + kRoot * a;
    a = low;
    b = high;
}

static void synthesise(double &low, double &high) {
    double a = kRoot * low + kRoot * high, b = kRoot * low + -kRoot * high;
    low = a;
    high = b;
}

void haar_decompose(Square &square) {
    for (int step = 1; step < square.side; step *= 2)
        for (int y = 0; y < square.side; y += 2 * step)
            for (int x = 0; x < square.side; x += 2 * step) {
                double &a = square.at(y, x), &b = square.at(y, x + step);
                double &c = square.at(y + step, x), &d = square.at(y + step, x + step);
                analyse(a, c);
                analyse(b, d);
                analyse(a, b);
                analyse(c, d);
            }
}

void haar_reconstruct(Square &square) {
    for (int step = square.side / 2; step > 0; step /= 2)
        for (int y = 0; y < square.side; y += 2 * step)
            for (int x = 0; x < square.side; x += 2 * step) {
                double &a = square.at(y, x), &b = square.at(y, x + step);
                double &c = square.at(y + step, x), &d = square.at(y + step, x + step);
                synthesise(a, b);
                synthesise(c, d);
                synthesise(a, c);
                synthesise(b, d);
            }
}

}  // namespace imagehash::vision
