// Lifts pairs of values in place. Must be compiled without contraction (-ffp-contract=off), and no sum may be
// reordered.
#include "vision/perceptual/haar.h"

namespace imagehash::vision {

namespace {

constexpr double kRootOfHalf = 0.70710678118654752440;

// Low and high pass of a pair.
void analyse(double &a, double &b) {
    double low = kRootOfHalf * b + kRootOfHalf * a, high = -kRootOfHalf * b + kRootOfHalf * a;
    a = low;
    b = high;
}

// Inverts analyse().
void synthesise(double &low, double &high) {
    double a = kRootOfHalf * low + kRootOfHalf * high, b = kRootOfHalf * low + -kRootOfHalf * high;
    low = a;
    high = b;
}

}  // namespace

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
