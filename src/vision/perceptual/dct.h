// The cosine transform of SciPy, rounding included.
//
// A perceptual hash compares frequencies with their median. In a picture with large even areas, or with a
// symmetry, many frequencies are zero but for rounding, so bits hang on it: to give the bits that
// scipy.fftpack.dct() gives, its sums must be taken in its order. That is pocketfft's (M. Reinecke;
// github.com/scipy/pocketfft, BSD-3): a real FFT of radix 4 and 2 after P. N. Swarztrauber's FFTPACK (1982)
// between a butterfly before and a rotation after it (J. Makhoul, "A fast cosine transform in one and two
// dimensions", 1980). The reference is SciPy on x86-64, whose builds do not contract a product and a sum.
// Lengths are powers of 2.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace imagehash::vision {

class CosineTransform {
 public:
    explicit CosineTransform(int length);

    // DCT-II without normalisation, in place: y[k] = 2 sum_n x[n] cos(pi k (2n + 1) / (2 length)).
    void run(double *values);

 private:
    struct Stage {
        int radix;  // 2 or 4
        int inner;  // length of a run of values that go through the same butterflies
        int outer;  // product of the radices before
        std::vector<std::complex<double>> twiddles;  // [radix - 1][(inner - 1) / 2]

        std::complex<double> twiddle(int leg, int i) const {
            return twiddles[(leg - 1) * ((inner - 1) / 2) + i - 1];
        }
    };

    static void radix_2(const Stage &stage, const double *in, double *out);
    static void radix_4(const Stage &stage, const double *in, double *out);

    int length_;
    std::vector<Stage> stages_;
    std::vector<double> cosines_;  // cos(2 pi (k + 1) / (4 length))
    std::vector<double> other_;
};

}  // namespace imagehash::vision
