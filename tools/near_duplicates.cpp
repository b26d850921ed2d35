// Measures how well each hash we offer finds changed copies of a picture among strangers, and at which radius
// it tells them apart. Prints Markdown tables, so that a user can choose a hash.
//
// Hashes through src/vision/api.h, as the SQL functions do. Measures only: no hash is tuned here.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <new>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "copies.h"
#include "tool.h"
#include "vision/api.h"
#include "vision/codec/decode.h"

namespace imagehash::models {
namespace {

using namespace imagehash::vision;

constexpr size_t kQueries = 1000;  // pictures that are copied; the others are strangers
constexpr double kFalseMatches = 0.01;
constexpr int kProcesses = 2;
constexpr uint32_t kOrderSeed = 1;
constexpr Limits kAllowed = {100'000'000, 1 << 30};
constexpr size_t kVersions = 1 + std::size(kCopyKinds);  // of a picture: itself, then its copies
constexpr int kMaxBytes = 32;
constexpr int kMaxCodes = 32;  // of a picture; more segments than that are left out
constexpr int kSegmentScale = 1000;

const char kUsage[] =
    "usage: near_duplicates MODELS DIRECTORY_OF_JPEGS\n"
    "  MODELS  the folder with the network and the hasher\n"
    "  1,000 of the pictures, which must be more, are copied in seven ways; the others are strangers";

// What is hashed: one picture through the networks' and the hashers' doors.
struct Engine {
    NetworkId network;
    HasherId hasher;
};

void check(const Status &status) {
    if (!status.ok()) die(status.message);
}

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
    void (*hash)(const Engine &engine, Bytes image, Codes *codes);
};

template <PerceptualHash which, int size>
void classic(const Engine &, Bytes image, Codes *codes) {
    uint8_t code[kMaxPerceptualBytes] = {};
    check(perceptual_hash(image, which, size, kAllowed, code));
    codes->count = 1;
    memcpy(codes->code[0], code, kMaxBytes);
}

template <int turns>
void pdq(const Engine &, Bytes image, Codes *codes) {
    static_assert(kPdqBytes == kMaxBytes);
    int quality;
    check(pdq_hash(image, turns, kAllowed, codes->code, &quality));
    codes->count = turns;
}

void segments(const Engine &, Bytes image, Codes *codes) {
    uint8_t all[kMaxSegments][kSegmentHashBytes];
    int count;
    check(crop_resistant_hash(image, kAllowed, all, &count));
    codes->count = std::min(count, kMaxCodes);
    for (int i = 0; i < codes->count; i++) memcpy(codes->code[i], all[i], kSegmentHashBytes);
}

void semantic(const Engine &engine, Bytes image, Codes *codes) {
    std::vector<float> embedding(kShippedLength);
    Status decoded;
    check(embed(engine.network, &image, 1, kAllowed, embedding.data(), &decoded));
    check(decoded);
    check(hash_embedding(engine.hasher, embedding.data(), embedding.size(), codes->code[0]));
    codes->count = 1;
}

constexpr HashKind kHashKinds[] = {
    {"`average_hash`", 64, Several::turns, classic<PerceptualHash::average, 8>},
    {"`difference_hash`", 64, Several::turns, classic<PerceptualHash::difference, 8>},
    {"`difference_hash_vertical`", 64, Several::turns, classic<PerceptualHash::vertical_difference, 8>},
    {"`perceptual_hash`", 64, Several::turns, classic<PerceptualHash::perceptual, 8>},
    {"`wavelet_hash`", 64, Several::turns, classic<PerceptualHash::wavelet, 8>},
    {"`difference_hash`", 256, Several::turns, classic<PerceptualHash::difference, 16>},
    {"`perceptual_hash`", 256, Several::turns, classic<PerceptualHash::perceptual, 16>},
    {"`color_hash`", 8 * kColorHashBytes, Several::turns, classic<PerceptualHash::color, 8>},
    {"`crop_resistant_hash`", 8 * kSegmentHashBytes, Several::segments, segments},
    {"`pdq_hash`", 256, Several::turns, pdq<1>},
    {"`pdq_hash_dihedral` of the query", 256, Several::turns, pdq<kDihedralVariants>},
    {"`semantic_hash`", 256, Several::turns, semantic},
};
constexpr size_t kHashes = std::size(kHashKinds);

// All hashes of one version of one picture.
using AllCodes = std::array<Codes, kHashes>;

// Memory that the working processes share.
struct Shared {
    std::atomic<size_t> next{0};
    std::atomic<int64_t> nanoseconds[kHashes] = {};  // of processor time, over the unchanged pictures
    AllCodes codes[1];                               // [pictures][kVersions]
};

int64_t processor_time() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Engine load_engine(const std::string &models) {
    Engine engine;
    std::vector<uint8_t> network = read_file(models + "/efficientnet_lite0.pt"),
                         hasher = read_file(models + "/efficientnet_lite0_256.hasher");
    int length;
    char note[256];
    HasherShape shape;
    check(load_network({network.data(), network.size()}, kShippedRecipe, &engine.network, &length, note));
    check(load_hasher({hasher.data(), hasher.size()}, &engine.hasher, &shape));
    return engine;
}

void hash_version(const Engine &engine, const std::vector<uint8_t> &bytes, bool timed, Shared *shared,
                  AllCodes *codes) {
    for (size_t h = 0; h < kHashes; h++) {
        int64_t started = processor_time();
        kHashKinds[h].hash(engine, {bytes.data(), bytes.size()}, &(*codes)[h]);
        if (timed) shared->nanoseconds[h] += processor_time() - started;
    }
}

// One process's share: whichever picture is next, until there are none.
void hash_share(const std::vector<std::string> &files, const std::string &models, Shared *shared) {
    Engine engine = load_engine(models);
    for (size_t i; (i = shared->next++) < files.size();) {
        std::vector<uint8_t> bytes = read_file(files[i]);
        hash_version(engine, bytes, true, shared, &shared->codes[i * kVersions]);
        if (i >= kQueries) continue;
        cv::Mat pixels = decode({bytes.data(), bytes.size()}, kAllowed);
        for (size_t copy = 1; copy < kVersions; copy++)
            hash_version(engine, copy_of(pixels, kCopyKinds[copy - 1], i), false, shared,
                         &shared->codes[i * kVersions + copy]);
        if ((i + 1) % 100 == 0) std::fprintf(stderr, "copied and hashed %zu of %zu\n", i + 1, kQueries);
    }
}

// Processes rather than threads, as in collections.h.
Shared *hash_all(const std::vector<std::string> &files, const std::string &models) {
    size_t size = sizeof(Shared) + files.size() * kVersions * sizeof(AllCodes);
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("not enough memory for the codes");
    auto *shared = new (memory) Shared;
    for (int i = 0; i < kProcesses; i++) {
        pid_t child = fork();
        if (child < 0) die("cannot start a process");
        if (child > 0) continue;
        try {
            hash_share(files, models, shared);
        } catch (const Error &error) {
            die(error.message);
        } catch (const std::exception &error) {
            die(error.what());
        }
        _exit(0);
    }
    bool good = true;
    for (int i = 0, status; i < kProcesses; i++) good &= wait(&status) > 0 && status == 0;
    if (!good) die("hashing failed");
    return shared;
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
    for (const CopyKind &kind : kCopyKinds) std::printf(" %s |", kind.name);
    std::printf("\n|");
    for (int i = 0; i < 3 + static_cast<int>(std::size(kCopyKinds)); i++) std::printf("---|");
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
    for (size_t i = files.size(); i > 1; i--) std::swap(files[i - 1], files[random() % i]);

    Shared *shared = hash_all(files, argv[1]);
    std::vector<HashQuality> all;
    for (size_t h = 0; h < kHashes; h++) all.push_back(Measure(shared, files.size(), h).run());
    std::printf("%zu pictures are copied; %zu more are in the database.\n", kQueries,
                files.size() - kQueries);
    print_tables(all);
    return 0;
}

}  // namespace
}  // namespace imagehash::models

int main(int argc, char **argv) {
    return imagehash::models::run_tool(imagehash::models::run, argc, argv);
}
