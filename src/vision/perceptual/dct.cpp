// pocketfft's stages, one function a radix. Must be compiled without contraction (-ffp-contract=off), and no
// sum may be reordered.
#include "vision/perceptual/dct.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace imagehash::vision {

namespace {

// exp(2 pi i k / n) for 0 <= k <= n / 2, as the product of a coarse and a fine rotation. Both are computed in
// the first octant, where they are most exact. The last bit of the product differs from that of cos() and
// sin().
class UnitRoots {
 public:
    explicit UnitRoots(int n) : n_(n) {
        int values = (n + 2) / 2;
        while ((1 << shift_) * (1 << shift_) < values) shift_++;
        int step = 1 << shift_;
        fine_.emplace_back(1, 0);
        for (int i = 1; i < step; i++) fine_.push_back(exact(i));
        coarse_.emplace_back(1, 0);
        for (int i = 1; i < (values + step - 1) / step; i++) coarse_.push_back(exact(i * step));
    }

    std::complex<double> operator()(int k) const {
        bool mirrored = 2 * k > n_;
        if (mirrored) k = n_ - k;
        std::complex<double> a = fine_[k & ((1 << shift_) - 1)], b = coarse_[k >> shift_];
        double real = a.real() * b.real() - a.imag() * b.imag();
        double imaginary = a.real() * b.imag() + a.imag() * b.real();
        return {real, mirrored ? -imaginary : imaginary};
    }

 private:
    // Angles are counted in 1/n of an octant; k is in the first half circle.
    std::complex<double> exact(int k) const {
        double unit = static_cast<double>(0.25L * 3.141592653589793238462643383279502884197L / n_);
        int at = 8 * k;
        bool second_quadrant = at >= 2 * n_;
        if (second_quadrant) at -= 2 * n_;
        bool beyond_octant = at >= n_;
        double angle = (beyond_octant ? 2 * n_ - at : at) * unit;
        double cosine = std::cos(angle), sine = std::sin(angle);
        if (beyond_octant) std::swap(cosine, sine);
        if (second_quadrant) return {-sine, cosine};
        return {cosine, sine};
    }

    int n_;
    int shift_ = 1;
    std::vector<std::complex<double>> fine_, coarse_;
};

}  // namespace

CosineTransform::CosineTransform(int length) : length_(length), buffer_(length) {
    std::vector<int> radices;
    int rest = length;
    for (; rest % 4 == 0; rest /= 4) radices.push_back(4);
    if (rest == 2) {
        radices.push_back(2);
        std::swap(radices.front(), radices.back());
    }
    UnitRoots roots(length);
    int outer = 1;
    for (int radix : radices) {
        Stage stage{radix, length / (outer * radix), outer, {}};
        for (int leg = 1; leg < radix; leg++)
            for (int i = 1; i <= (stage.inner - 1) / 2; i++) stage.twiddles.push_back(roots(leg * outer * i));
        stages_.push_back(std::move(stage));
        outer *= radix;
    }
    UnitRoots quarters(4 * length);
    for (int k = 0; k < length; k++) cosines_.push_back(quarters(k + 1).real());
}

// Values are half-complex: the real part of the first, then real and imaginary parts in turn, and in a run of
// even length the real part of the last.
void CosineTransform::radix_2(const Stage &stage, const double *in, double *out) {
    int n = stage.inner, groups = stage.outer;
    for (int g = 0; g < groups; g++) {
        const double *a = in + n * 2 * g, *b = a + n;
        double *sum = out + n * g, *difference = sum + n * groups;
        sum[0] = a[0] + b[n - 1];
        difference[0] = a[0] - b[n - 1];
        if (n % 2 == 0) {
            sum[n - 1] = 2 * a[n - 1];
            difference[n - 1] = -2 * b[0];
        }
        for (int i = 2; i < n; i += 2) {
            int mirror = n - i;
            std::complex<double> w = stage.twiddle(1, i / 2);
            sum[i - 1] = a[i - 1] + b[mirror - 1];
            sum[i] = a[i] - b[mirror];
            double real = a[i - 1] - b[mirror - 1], imaginary = a[i] + b[mirror];
            difference[i] = w.real() * imaginary + w.imag() * real;
            difference[i - 1] = w.real() * real - w.imag() * imaginary;
        }
    }
}

void CosineTransform::radix_4(const Stage &stage, const double *in, double *out) {
    constexpr double kSqrt2 = 1.414213562373095048801688724209698;
    int n = stage.inner, groups = stage.outer;
    for (int g = 0; g < groups; g++) {
        const double *a = in + n * 4 * g, *b = a + n, *c = b + n, *d = c + n;
        double *leg[4];
        for (int l = 0; l < 4; l++) leg[l] = out + n * (g + l * groups);

        double even = a[0] + d[n - 1], odd = a[0] - d[n - 1], twice_b = 2 * b[n - 1], twice_c = 2 * c[0];
        leg[0][0] = even + twice_b;
        leg[2][0] = even - twice_b;
        leg[3][0] = odd + twice_c;
        leg[1][0] = odd - twice_c;
        if (n % 2 == 0) {
            double i_sum = d[0] + b[0], i_difference = d[0] - b[0];
            double r_sum = a[n - 1] + c[n - 1], r_difference = a[n - 1] - c[n - 1];
            leg[0][n - 1] = r_sum + r_sum;
            leg[1][n - 1] = kSqrt2 * (r_difference - i_sum);
            leg[2][n - 1] = i_difference + i_difference;
            leg[3][n - 1] = -kSqrt2 * (r_difference + i_sum);
        }
        for (int i = 2; i < n; i += 2) {
            int m = n - i;
            double r1 = a[i - 1] - d[m - 1], r2 = a[i - 1] + d[m - 1];
            double i1 = a[i] + d[m], i2 = a[i] - d[m];
            double i3 = c[i] - b[m], r4 = c[i] + b[m];
            double r3 = c[i - 1] + b[m - 1], i4 = c[i - 1] - b[m - 1];
            leg[0][i - 1] = r2 + r3;
            leg[0][i] = i2 + i3;
            double real[] = {0, r1 - r4, r2 - r3, r1 + r4};
            double imaginary[] = {0, i1 + i4, i2 - i3, i1 - i4};
            for (int l = 1; l < 4; l++) {
                std::complex<double> w = stage.twiddle(l, i / 2);
                leg[l][i] = w.real() * imaginary[l] + w.imag() * real[l];
                leg[l][i - 1] = w.real() * real[l] - w.imag() * imaginary[l];
            }
        }
    }
}

void CosineTransform::run(double *values) {
    int n = length_;
    values[0] *= 2;
    values[n - 1] *= 2;
    for (int k = 1; k < n - 1; k += 2) {
        double before = values[k + 1];
        values[k + 1] -= values[k];
        values[k] += before;
    }
    double *from = values, *to = buffer_.data();
    for (const Stage &stage : stages_) {
        stage.radix == 4 ? radix_4(stage, from, to) : radix_2(stage, from, to);
        std::swap(from, to);
    }
    if (from != values) std::copy(from, from + n, values);
    for (int k = 1, mirror = n - 1; k < n / 2; k++, mirror--) {
        double a = cosines_[k - 1] * values[mirror] + cosines_[mirror - 1] * values[k];
        double b = cosines_[k - 1] * values[k] - cosines_[mirror - 1] * values[mirror];
        values[k] = 0.5 * (a + b);
        values[mirror] = 0.5 * (a - b);
    }
    values[n / 2] *= cosines_[n / 2 - 1];
}

}  // namespace imagehash::vision
