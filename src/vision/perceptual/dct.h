// The discrete cosine transform (DCT) of SciPy, rounding included.
//
// A perceptual hash compares frequencies with their median. If a picture has large even areas or a symmetry,
// many frequencies are zero but for rounding, and rounding decides their bits. To give the bits of
// scipy.fftpack.dct(), sums must be taken in its order, which is pocketfft's (M. Reinecke;
// github.com/scipy/pocketfft, BSD-3): a real FFT of radix 4 and 2 after P. N. Swarztrauber's FFTPACK (1982),
// with a butterfly before and a rotation after it (J. Makhoul, "A fast cosine transform in one and two
// dimensions", 1980). The reference is SciPy on x86-64, whose builds do not contract a product and a sum.
#pragma once

#include <complex>
#include <vector>

namespace imagehash::vision {

class CosineTransform {
 public:
    // REQUIRES: `length` is a power of 2, at least 2.
    explicit CosineTransform(int length);

    // DCT-II without normalization, in place: y[k] = 2 sum_n x[n] cos(pi k (2n + 1) / (2 length)).
    void run(double *values);

 private:
    struct Stage {
        int radix;  // 2 or 4
        int inner;  // length of a run of values that go through the same butterflies
        int outer;  // product of the radices of earlier stages
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
    std::vector<double> buffer_;   // stages write from the values to it, or back
};

}  // namespace imagehash::vision
