// Measures how well each hash we offer finds changed copies of a picture among strangers, and at which radius
// it tells them apart. Prints Markdown tables, so that a user can choose a hash.
//
// Hashes through the libraries' tables of functions, as the SQL functions do. Measures only: no hash is tuned
// here.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "copies.h"
#include "libraries.h"
#include "processes.h"
#include "shuffle.h"
#include "tool.h"
#include "vision/codec/decode.h"

namespace imagehash::tools {
namespace {

using namespace imagehash::vision;

constexpr size_t kQueries = 1000;  // pictures that are copied; the others are strangers
constexpr double kFalseMatches = 0.01;
constexpr uint32_t kOrderSeed = 1;
constexpr size_t kVersions = 1 + kCopyKinds;  // of a picture: itself, then its copies
constexpr int kMaxBytes = 32;
constexpr int kMaxCodes = 32;  // of a picture; more segments than that are left out
constexpr int kSegmentScale = 1000;

constexpr char kUsage[] =
    "usage: near_duplicates MODELS DIRECTORY_OF_JPEGS\n"
    "  MODELS  the folder with the network and the hasher\n"
    "  1,000 of the pictures, which must be more, are copied in seven ways; the others are strangers";

// What a session that hashes has loaded.
struct Loaded {
    Libraries libraries;
    semantic::NetworkId network;
    semantic::HasherId hasher;
};

// Codes of one version of one picture.
struct Codes {
    int count;
    uint8_t code[kMaxCodes][kMaxBytes];
};

// Of several codes of a query: those of its turns, of which the nearest to the first of the picture counts;
// or segments, of which ImageHash counts how many have a near one in the other picture.
enum class Several { turns, segments };

struct HashKind {
    const char *name;
    int bits;
    Several several;
    void (*hash)(const Loaded &loaded, Bytes image, Codes *codes);
};

template <PerceptualHash which, int size>
void classic_code(const Loaded &loaded, Bytes image, Codes *codes) {
    uint8_t code[kMaxPerceptualBytes] = {};
    check(loaded.libraries.vision.perceptual_hash(image, which, size, kLimits, code));
    codes->count = 1;
    memcpy(codes->code[0], code, kMaxBytes);
}

template <int turns>
void pdq_codes(const Loaded &loaded, Bytes image, Codes *codes) {
    static_assert(kPdqBytes == kMaxBytes);
    int quality;
    check(loaded.libraries.vision.pdq_hash(image, turns, kLimits, codes->code, &quality));
    codes->count = turns;
}

void segment_codes(const Loaded &loaded, Bytes image, Codes *codes) {
    uint8_t all[kMaxSegments][kSegmentHashBytes];
    int count;
    check(loaded.libraries.vision.crop_resistant_hash(image, kLimits, all, &count));
    codes->count = std::min(count, kMaxCodes);
    for (int i = 0; i < codes->count; i++) memcpy(codes->code[i], all[i], kSegmentHashBytes);
}

void semantic_code(const Loaded &loaded, Bytes image, Codes *codes) {
    const semantic::Api &semantic = loaded.libraries.semantic;
    std::vector<float> input(input_floats(kShippedPreprocessing)), embedding(semantic::kShippedLength);
    check(loaded.libraries.vision.write_input(image, kLimits, kShippedPreprocessing, input.data()));
    check(semantic.embed(loaded.network, input.data(), 1, nullptr, embedding.data()));
    check(semantic.hash_embedding(loaded.hasher, embedding.data(), embedding.size(), codes->code[0]));
    codes->count = 1;
}

constexpr HashKind kHashKinds[] = {
    {"`average_hash`", 64, Several::turns, classic_code<PerceptualHash::average, 8>},
    {"`difference_hash`", 64, Several::turns, classic_code<PerceptualHash::difference, 8>},
    {"`difference_hash_vertical`", 64, Several::turns, classic_code<PerceptualHash::vertical_difference, 8>},
    {"`perceptual_hash`", 64, Several::turns, classic_code<PerceptualHash::perceptual, 8>},
    {"`wavelet_hash`", 64, Several::turns, classic_code<PerceptualHash::wavelet, 8>},
    {"`difference_hash`", 256, Several::turns, classic_code<PerceptualHash::difference, 16>},
    {"`perceptual_hash`", 256, Several::turns, classic_code<PerceptualHash::perceptual, 16>},
    {"`color_hash`", 8 * kColorHashBytes, Several::turns, classic_code<PerceptualHash::color, 8>},
    {"`crop_resistant_hash`", 8 * kSegmentHashBytes, Several::segments, segment_codes},
    {"`pdq_hash`", 256, Several::turns, pdq_codes<1>},
    {"`pdq_hash_dihedral` of the query", 256, Several::turns, pdq_codes<kDihedralVariants>},
    {"`semantic_hash`", 256, Several::turns, semantic_code},
};
constexpr size_t kHashes = std::size(kHashKinds);

// All hashes of one version of one picture.
using AllCodes = std::array<Codes, kHashes>;

// What the processes that hash write into memory they share.
struct Shared {
    std::atomic<int64_t> nanoseconds[kHashes] = {};  // of processor time, over the unchanged pictures
    AllCodes codes[1];                               // [pictures][kVersions]
};

int64_t processor_time() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Loaded load(const std::string &models) {
    Libraries libraries = start_libraries();
    return {libraries, load_network(libraries, models + "/efficientnet_lite0.pt", kShippedPreprocessing),
            load_hasher(libraries, models + "/efficientnet_lite0_256.hasher")};
}

void hash_version(const Loaded &loaded, const std::vector<uint8_t> &bytes, bool timed, Shared *shared,
                  AllCodes *codes) {
    for (size_t h = 0; h < kHashes; h++) {
        int64_t started = processor_time();
        kHashKinds[h].hash(loaded, {bytes.data(), bytes.size()}, &(*codes)[h]);
        if (timed) shared->nanoseconds[h] += processor_time() - started;
    }
}

void hash_picture(const Loaded &loaded, const std::string &file, size_t number, Shared *shared) {
    std::vector<uint8_t> bytes = read_file(file);
    AllCodes *versions = &shared->codes[number * kVersions];
    hash_version(loaded, bytes, true, shared, versions);
    if (number >= kQueries) return;
    cv::Mat pixels = decode({bytes.data(), bytes.size()}, kLimits);
    for (size_t kind = 0; kind < kCopyKinds; kind++)
        hash_version(loaded, copy_of(pixels, kind, number), false, shared, &versions[1 + kind]);
    if ((number + 1) % 100 == 0) std::fprintf(stderr, "copied and hashed %zu of %zu\n", number + 1, kQueries);
}

size_t shared_bytes(size_t pictures) {
    return sizeof(Shared) + pictures * kVersions * sizeof(AllCodes);
}

void hash_all(const std::vector<std::string> &files, const std::string &models, Shared *shared) {
    for_each_in_processes(files.size(), [&]() -> WorkOnItem {
        auto loaded = std::make_shared<const Loaded>(load(models));
        return [&files, shared, loaded](size_t i) { hash_picture(*loaded, files[i], i, shared); };
    });
}

int differing_bits(const uint8_t *a, const uint8_t *b, int bits) {
    int sum = 0;
    for (int i = 0; i < bits / 8; i++) sum += __builtin_popcount(a[i] ^ b[i]);
    return sum;
}

int nearest_bits(const Codes &query, const uint8_t *code, int bits) {
    int nearest = bits;
    for (int i = 0; i < query.count; i++)
        nearest = std::min(nearest, differing_bits(query.code[i], code, bits));
    return nearest;
}

// ImageHash's ImageMultiHash.__sub__ for a share of a quarter, in thousandths of the query's segments: those
// without a segment in the picture within a quarter of the bits; among equals, the mean distance of the
// others decides.
int segment_distance(const Codes &query, const Codes &picture, int bits) {
    int matches = 0, sum = 0;
    for (int i = 0; i < query.count; i++) {
        int nearest = nearest_bits(picture, query.code[i], bits);
        if (nearest > bits / 4) continue;
        matches++;
        sum += nearest;
    }
    if (matches == 0) return kSegmentScale;
    double score = matches - static_cast<double>(sum) / (matches * bits);
    return static_cast<int>(kSegmentScale * (query.count - score) / query.count);
}

int distance(const HashKind &kind, const Codes &query, const Codes &picture) {
    return kind.several == Several::segments ? segment_distance(query, picture, kind.bits)
                                             : nearest_bits(query, picture.code[0], kind.bits);
}

struct CopyQuality {
    double recall_at_1;    // ties shared
    double recall_within;  // the radius
};

struct HashQuality {
    double milliseconds;
    int radius;  // largest at which fewer than kFalseMatches of the pictures have a stranger; -1: none
    std::vector<CopyQuality> copies;
};

class Measure {
 public:
    Measure(const Shared *shared, size_t pictures, size_t hash)
        : shared_(shared), pictures_(pictures), hash_(hash), kind_(kHashKinds[hash]) {}

    HashQuality run() const {
        HashQuality quality;
        quality.milliseconds = shared_->nanoseconds[hash_] / 1e6 / pictures_;
        quality.radius = radius();
        for (size_t copy = 1; copy < kVersions; copy++)
            quality.copies.push_back(of_copies(copy, quality.radius));
        return quality;
    }

 private:
    const Codes &codes(size_t picture, size_t version) const {
        return shared_->codes[picture * kVersions + version][hash_];
    }

    int radius() const {
        std::vector<int> nearest(kQueries, kSegmentScale);
        for (size_t q = 0; q < kQueries; q++)
            for (size_t p = 0; p < pictures_; p++)
                if (p != q) nearest[q] = std::min(nearest[q], distance(kind_, codes(q, 0), codes(p, 0)));
        auto allowed = static_cast<size_t>(kFalseMatches * kQueries) - 1;
        std::nth_element(nearest.begin(), nearest.begin() + allowed, nearest.end());
        return nearest[allowed] - 1;
    }

    CopyQuality of_copies(size_t copy, int radius) const {
        CopyQuality quality{};
        for (size_t q = 0; q < kQueries; q++) {
            int own = distance(kind_, codes(q, copy), codes(q, 0));
            size_t nearer = 0, ties = 0;
            for (size_t p = 0; p < pictures_; p++) {
                int d = distance(kind_, codes(q, copy), codes(p, 0));
                nearer += d < own;
                ties += d == own;
            }
            if (nearer == 0) quality.recall_at_1 += 1.0 / ties / kQueries;
            if (own <= radius) quality.recall_within += 1.0 / kQueries;
        }
        return quality;
    }

    const Shared *shared_;
    size_t pictures_;
    size_t hash_;
    const HashKind &kind_;
};

void print_head(const char *title, const char *columns) {
    std::printf("\n%s\n\n| %s |", title, columns);
    for (size_t kind = 0; kind < kCopyKinds; kind++) std::printf(" %s |", copy_name(kind));
    std::printf("\n|");
    for (size_t i = 0; i < 3 + kCopyKinds; i++) std::printf("---|");
    std::printf("\n");
}

void print_tables(const std::vector<HashQuality> &all) {
    print_head("Share of the copies whose original is the nearest picture:", "hash | bits | ms an image");
    for (size_t h = 0; h < kHashes; h++) {
        std::printf("| %s | %d | %.1f |", kHashKinds[h].name, kHashKinds[h].bits, all[h].milliseconds);
        for (const CopyQuality &copy : all[h].copies) std::printf(" %.3f |", copy.recall_at_1);
        std::printf("\n");
    }
    print_head(
        "Share of the copies within the radius at which fewer than 1 % of the pictures have a stranger:",
        "hash | bits | radius");
    for (size_t h = 0; h < kHashes; h++) {
        std::string radius = all[h].radius < 0 ? "none" : std::to_string(all[h].radius);
        if (kHashKinds[h].several == Several::segments)
            radius = std::to_string(100 * all[h].radius / kSegmentScale) + " % of segments";
        std::printf("| %s | %d | %s |", kHashKinds[h].name, kHashKinds[h].bits, radius.c_str());
        for (const CopyQuality &copy : all[h].copies) std::printf(" %.3f |", copy.recall_within);
        std::printf("\n");
    }
}

int run(int argc, char **argv) {
    if (argc != 3) die(kUsage);
    std::vector<std::string> files;
    for (const auto &entry : std::filesystem::directory_iterator(argv[2]))
        if (entry.path().extension() == ".jpg") files.push_back(entry.path());
    if (files.size() <= kQueries) die(std::string("too few pictures in \"") + argv[2] + "\"\n" + kUsage);
    std::sort(files.begin(), files.end());
    std::mt19937 random(kOrderSeed);
    shuffle(files, random);

    SharedMemory memory(shared_bytes(files.size()));
    auto *shared = new (memory.data()) Shared;
    hash_all(files, argv[1], shared);
    std::vector<HashQuality> all;
    for (size_t h = 0; h < kHashes; h++) all.push_back(Measure(shared, files.size(), h).run());
    std::printf("%zu pictures are copied; %zu more are in the database.\n", kQueries,
                files.size() - kQueries);
    print_tables(all);
    return 0;
}

}  // namespace
}  // namespace imagehash::tools

int main(int argc, char **argv) {
    return imagehash::tools::run_tool(imagehash::tools::run, argc, argv);
}
