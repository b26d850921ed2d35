// Luma, box filters, decimation to 64x64, DCT, median. Must keep the single precision and the order of sums
// of the reference, because rounding decides bits, and must be compiled without contraction
// (-ffp-contract=off).
#include "vision/perceptual/pdq.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "vision/perceptual/bit_writer.h"

namespace imagehash::vision {

namespace {

constexpr int kMinSide = 5;
constexpr int kSide = 64;         // of the picture that is transformed
constexpr int kFrequencies = 16;  // 1 to 16 in each direction; 0, the mean, is not used

using Frequencies = std::array<std::array<float, kFrequencies>, kFrequencies>;

void luma_of(const uint8_t *bgr, std::vector<float> &row) {
    for (float &value : row) {
        value = static_cast<float>(0.299 * bgr[2] + 0.587 * bgr[1] + 0.114 * bgr[0]);
        bgr += 3;
    }
}

// The window of a box filter, which writes the mean of the values in it; at the ends it holds fewer. Filters
// keep a running sum, as the reference does, so a mean has the rounding errors of all earlier ones.
struct Window {
    explicit Window(int length)
        : length(length), size((length + 2 * kSide - 1) / (2 * kSide)), ahead((size + 2) / 2 - 1) {}
    int length;  // of the line
    int size;    // two passes reach over 1/64 of the line
    int ahead;   // values that are read past the one that is written
};

class RowFilter {
 public:
    explicit RowFilter(int width) : window_(width), in_(width) {}

    void run(std::vector<float> &row) {
        in_.swap(row);
        float sum = 0;
        int count = 0;
        for (int right = 0; right < window_.length + window_.ahead; right++) {
            if (right < window_.length) {
                sum += in_[right];
                count++;
            }
            if (right >= window_.size) {
                sum -= in_[right - window_.size];
                count--;
            }
            if (right >= window_.ahead) row[right - window_.ahead] = sum / static_cast<float>(count);
        }
    }

 private:
    Window window_;
    std::vector<float> in_;
};

// Filters all columns at once. Rows enter from the top, and leave `ahead` rows later.
class ColumnFilter {
 public:
    ColumnFilter(int width, int height)
        : window_(height), sums_(width), kept_(static_cast<size_t>(window_.size) * width), out_(width) {}

    // `row` is null after the last row.
    template <class Sink>
    void push(const float *row, Sink &&sink) {
        size_t width = sums_.size();
        float *oldest = &kept_[at_ % window_.size * width];
        if (row) {
            for (size_t x = 0; x < width; x++) sums_[x] += row[x];
            count_++;
        }
        if (at_ >= window_.size) {
            for (size_t x = 0; x < width; x++) sums_[x] -= oldest[x];
            count_--;
        }
        if (row) std::copy(row, row + width, oldest);
        if (at_ >= window_.ahead) {
            for (size_t x = 0; x < width; x++) out_[x] = sums_[x] / static_cast<float>(count_);
            sink(out_);
        }
        at_++;
    }

    template <class Sink>
    void finish(Sink &&sink) {
        for (int i = 0; i < window_.ahead; i++) push(nullptr, sink);
    }

 private:
    Window window_;
    std::vector<float> sums_, kept_, out_;
    int at_ = 0, count_ = 0;
};

using Picture = std::array<std::array<float, kSide>, kSide>;

// Divides a picture, whose rows are given one by one, into kSide x kSide parts, and takes the pixel in the
// middle of each.
class Decimator {
 public:
    explicit Decimator(cv::Size size) : size_(size) {}

    void take(const std::vector<float> &row) {
        for (; i_ < kSide && middle(i_, size_.height) == y_; i_++)
            for (int j = 0; j < kSide; j++) picture_[i_][j] = row[middle(j, size_.width)];
        y_++;
    }
    const Picture &picture() const { return picture_; }

 private:
    static int middle(int part, int length) { return static_cast<int>((part + 0.5) * length / kSide); }

    cv::Size size_;
    Picture picture_;
    int i_ = 0, y_ = 0;
};

// The luma at kSide x kSide, after two box filters in each direction. Works row by row, so a large picture is
// never kept as floats.
Picture reduced_luma(const cv::Mat &bgr) {
    RowFilter rows(bgr.cols);
    ColumnFilter first(bgr.cols, bgr.rows), second(bgr.cols, bgr.rows);
    Decimator decimator(bgr.size());
    auto take = [&](const std::vector<float> &row) { decimator.take(row); };
    auto filter_again = [&](std::vector<float> &row) {
        rows.run(row);
        second.push(row.data(), take);
    };
    bool needs_no_filter = bgr.rows == kSide && bgr.cols == kSide;
    std::vector<float> row(bgr.cols);
    for (int y = 0; y < bgr.rows; y++) {
        luma_of(bgr.ptr(y), row);
        if (needs_no_filter) {
            decimator.take(row);
            continue;
        }
        rows.run(row);
        first.push(row.data(), filter_again);
    }
    if (!needs_no_filter) {
        first.finish(filter_again);
        second.finish(take);
    }
    return decimator.picture();
}

int quality_of(const Picture &picture) {
    auto gradient = [](float a, float b) { return std::abs(static_cast<int>((a - b) * 100 / 255)); };
    int sum = 0;
    for (int i = 0; i < kSide; i++)
        for (int j = 0; j < kSide; j++) {
            if (i + 1 < kSide) sum += gradient(picture[i][j], picture[i + 1][j]);
            if (j + 1 < kSide) sum += gradient(picture[i][j], picture[i][j + 1]);
        }
    return std::min(sum / 90, 100);
}

Frequencies transform(const Picture &picture) {
    static const auto cosines = [] {
        std::array<std::array<float, kSide>, kFrequencies> result;
        const float scale = static_cast<float>(std::sqrt(2.0 / kSide));
        for (int i = 0; i < kFrequencies; i++)
            for (int j = 0; j < kSide; j++)
                result[i][j] =
                    static_cast<float>(scale * std::cos(M_PI / 2.0 / kSide * (i + 1) * (2 * j + 1)));
        return result;
    }();
    std::array<std::array<float, kSide>, kFrequencies> half{};
    for (int i = 0; i < kFrequencies; i++)
        for (int k = 0; k < kSide; k++)
            for (int j = 0; j < kSide; j++) half[i][j] += cosines[i][k] * picture[k][j];
    Frequencies result{};
    for (int i = 0; i < kFrequencies; i++)
        for (int j = 0; j < kFrequencies; j++)
            for (int k = 0; k < kSide; k++) result[i][j] += half[i][k] * cosines[j][k];
    return result;
}

// What a dihedral variant does to the frequencies: they are transposed or not, and odd frequencies along a
// reversed axis change sign. Frequency 1 has index 0 here.
struct Variant {
    bool transposed;
    bool rows_reversed;  // of the picture as it is
    bool columns_reversed;
};

constexpr Variant kVariants[kDihedralVariants] = {
    {false, false, false},  // as it is
    {true, false, true},    // by 90 degrees
    {false, true, true},    // by 180
    {true, true, false},    // by 270
    {false, true, false},   // top to bottom
    {false, false, true},   // left to right
    {true, false, false},   // on the main diagonal
    {true, true, true},     // on the other diagonal
};

Frequencies frequencies_of(const Frequencies &in, const Variant &variant) {
    Frequencies out;
    for (int i = 0; i < kFrequencies; i++)
        for (int j = 0; j < kFrequencies; j++) {
            bool negative = (variant.rows_reversed && i % 2 == 0) != (variant.columns_reversed && j % 2 == 0);
            (variant.transposed ? out[j][i] : out[i][j]) = negative ? -in[i][j] : in[i][j];
        }
    return out;
}

// Sets a bit for each frequency above the median: the lower of the middle two.
void write_bits(const Frequencies &frequencies, uint8_t *out) {
    std::array<float, kFrequencies * kFrequencies> sorted;
    memcpy(sorted.data(), frequencies.data(), sizeof(sorted));
    auto middle = sorted.begin() + sorted.size() / 2 - 1;
    std::nth_element(sorted.begin(), middle, sorted.end());
    BitWriter bits(out);
    for (int i = kFrequencies - 1; i >= 0; i--)
        for (int j = kFrequencies - 1; j >= 0; j--) bits.add(frequencies[i][j] > *middle);
}

}  // namespace

int pdq_hash(const cv::Mat &bgr, int variants, uint8_t (*out)[kPdqBytes]) {
    if (std::min(bgr.rows, bgr.cols) < kMinSide) {
        for (int i = 0; i < variants; i++) memset(out[i], 0, kPdqBytes);
        return 0;
    }
    Picture picture = reduced_luma(bgr);
    Frequencies frequencies = transform(picture);
    for (int i = 0; i < variants; i++) write_bits(frequencies_of(frequencies, kVariants[i]), out[i]);
    return quality_of(picture);
}

}  // namespace imagehash::vision
