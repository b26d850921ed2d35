// The physical limit an index is measured against: the project's own kernel over packed codes, without a
// server. Pages, capacity and form are those of the index; memory is touched before the clock starts.
//
//   flat_scan CODES QUERIES K OUT       the K nearest: the threshold falls to the K-th distance
//   flat_scan CODES QUERIES --within R  how many lie within R: the threshold stands
//
// CODES and QUERIES are files of make_codes. Prints the median and the mean of the queries in ms; writes the
// distances of each query's K nearest to OUT, a line a query, which the bench takes for the truth.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "hamming/kernels.h"

namespace {

using namespace imagehash::hamming;

constexpr size_t kPage = 8192, kHeader = 64, kTid = 6;
constexpr int kRounds = 3;  // the fastest of a query counts: a limit is what is possible

using Query = std::vector<uint64_t>;

[[noreturn]] void die(const std::string &message) {
    std::fprintf(stderr, "flat_scan: %s\n", message.c_str());
    std::exit(1);
}

std::vector<Query> read_codes(const char *path, int *bits) {
    std::ifstream file(path);
    std::vector<Query> codes;
    for (std::string line; std::getline(file, line);) {
        if (codes.empty()) *bits = 4 * line.size();
        if (4 * line.size() != size_t(*bits)) die("lines of \"" + std::string(path) + "\" differ in length");
        line.resize((line.size() + 15) / 16 * 16, '0');
        Query code;
        for (size_t at = 0; at < line.size(); at += 16)
            code.push_back(std::strtoull(line.substr(at, 16).c_str(), nullptr, 16));
        codes.push_back(std::move(code));
    }
    if (codes.empty()) die("no codes in \"" + std::string(path) + "\"");
    return codes;
}

class Pages {
 public:
    explicit Pages(const std::vector<Query> &codes)
        : words_(codes[0].size()),
          capacity_((kPage - kHeader) / (8 * words_ + kTid) / kBlock * kBlock),
          count_(codes.size()),
          bytes_((codes.size() + capacity_ - 1) / capacity_ * kPage),
          memory_(static_cast<uint8_t *>(std::aligned_alloc(kPage, bytes_)), std::free) {
        std::memset(memory_.get(), 0, bytes_);
        for (size_t i = 0; i < codes.size(); i++) {
            uint64_t *page = codes_of(i / capacity_);
            size_t slot = i % capacity_;
            for (size_t w = 0; w < words_; w++)
                page[slot / kBlock * kBlock * words_ + w * kBlock + slot % kBlock] = codes[i][w];
        }
    }

    size_t words() const { return words_; }
    size_t capacity() const { return capacity_; }
    size_t pages() const { return bytes_ / kPage; }
    size_t in_page(size_t page) const { return std::min(capacity_, count_ - page * capacity_); }
    uint64_t *codes_of(size_t page) const {
        return reinterpret_cast<uint64_t *>(memory_.get() + page * kPage + kHeader);
    }

 private:
    size_t words_, capacity_, count_, bytes_;
    std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
};

class Scan {
 public:
    Scan(const Pages &pages, int bits) : pages_(pages), hits_(pages.capacity()), counts_(bits + 1) {}

    // How many codes there are at each distance, exact up to the k-th.
    const std::vector<size_t> &nearest(const Query &query, size_t k) {
        int threshold = counts_.size() - 1;
        size_t within = 0;  // at distances <= threshold
        std::fill(counts_.begin(), counts_.end(), 0);
        for_each_page([&](size_t page) {
            size_t n = scan(page, query, within >= k ? threshold - 1 : threshold);
            for (size_t i = 0; i < n; i++) {
                if (hits_[i].distance > threshold) continue;
                counts_[hits_[i].distance]++;
                within++;
                for (; within - counts_[threshold] >= k; threshold--) within -= counts_[threshold];
            }
        });
        return counts_;
    }

    size_t within(const Query &query, int radius) {
        size_t found = 0;
        for_each_page([&](size_t page) { found += scan(page, query, radius); });
        return found;
    }

 private:
    template <class Visit>
    void for_each_page(Visit visit) {
        for (size_t page = 0; page < pages_.pages(); page++) visit(page);
    }
    size_t scan(size_t page, const Query &query, int threshold) {
        return kernel_.scan(pages_.codes_of(page), pages_.in_page(page), pages_.words(), query.data(),
                            threshold, hits_.data());
    }

    const Kernel &kernel_ = best_kernel();
    const Pages &pages_;
    std::vector<Hit> hits_;
    std::vector<size_t> counts_;
};

template <class Run>
double milliseconds(Run run) {
    double best = 0;
    for (int round = 0; round < kRounds; round++) {
        auto started = std::chrono::steady_clock::now();
        run();
        std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
        best = round == 0 ? took.count() : std::min(best, took.count());
    }
    return best;
}

void write_nearest(std::FILE *out, const std::vector<size_t> &counts, size_t k) {
    for (size_t distance = 0; distance < counts.size(); distance++)
        for (size_t i = 0; i < counts[distance] && k > 0; i++, k--) std::fprintf(out, "%zu ", distance);
    std::fputc('\n', out);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 5) die("usage: flat_scan CODES QUERIES K OUT | flat_scan CODES QUERIES --within R");
    int bits, query_bits;
    std::vector<Query> queries = read_codes(argv[2], &query_bits);
    Pages pages(read_codes(argv[1], &bits));
    if (bits != query_bits) die("queries and codes differ in length");
    Scan scan(pages, bits);
    std::vector<double> times;
    if (std::string(argv[3]) == "--within") {
        volatile size_t found = 0;  // or the loop is optimized away
        for (const Query &query : queries)
            times.push_back(milliseconds([&] { found = scan.within(query, std::atoi(argv[4])); }));
    } else {
        size_t k = std::strtoull(argv[3], nullptr, 10);
        std::FILE *out = std::fopen(argv[4], "w");
        if (!out || k == 0) die("K must be positive and OUT writable");
        for (const Query &query : queries) {
            const std::vector<size_t> *counts = nullptr;
            times.push_back(milliseconds([&] { counts = &scan.nearest(query, k); }));
            write_nearest(out, *counts, k);
        }
        std::fclose(out);
    }
    double mean = std::accumulate(times.begin(), times.end(), 0.0) / times.size();
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    std::printf("%.4f %.4f %s\n", times[times.size() / 2], mean, best_kernel().name);
}
