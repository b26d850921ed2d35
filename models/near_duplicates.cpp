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
#include "vision/decode.h"

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
constexpr int kMaxVariants = 8;

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

// A hash: what it is called, its length, and how the codes of a picture are made: one, or one for each
// variant that a query asks for as well (its mirror images, say); the nearest counts.
struct HashKind {
    const char *name;
    int bits;
    int variants;
    void (*hash)(const Engine &engine, Bytes image, uint8_t (*codes)[kMaxBytes]);
};

template <PerceptualHash which>
void classic(const Engine &, Bytes image, uint8_t (*codes)[kMaxBytes]) {
    check(perceptual_hash(image, which, kAllowed, codes[0]));
}

void semantic(const Engine &engine, Bytes image, uint8_t (*codes)[kMaxBytes]) {
    std::vector<float> embedding(kShippedLength);
    Status decoded;
    check(embed(engine.network, &image, 1, kAllowed, embedding.data(), &decoded));
    check(decoded);
    check(hash_embedding(engine.hasher, embedding.data(), embedding.size(), codes[0]));
}

constexpr HashKind kHashKinds[] = {
    {"`average_hash`", 64, 1, classic<PerceptualHash::average>},
    {"`difference_hash`", 64, 1, classic<PerceptualHash::difference>},
    {"`perceptual_hash`", 64, 1, classic<PerceptualHash::perceptual>},
    {"`semantic_hash`", 256, 1, semantic},
};
constexpr size_t kHashes = std::size(kHashKinds);

// All codes of one version of one picture.
using Codes = std::array<uint8_t[kMaxVariants][kMaxBytes], kHashes>;

// Memory that the working processes share.
struct Shared {
    std::atomic<size_t> next{0};
    std::atomic<int64_t> nanoseconds[kHashes] = {};  // of processor time, over the unchanged pictures
    Codes codes[1];                                  // [pictures][kVersions]
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
                  Codes *codes) {
    for (size_t h = 0; h < kHashes; h++) {
        int64_t started = processor_time();
        kHashKinds[h].hash(engine, {bytes.data(), bytes.size()}, (*codes)[h]);
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
    size_t size = sizeof(Shared) + files.size() * kVersions * sizeof(Codes);
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

// Of the nearest variant of the query to the picture as it is.
int distance(const HashKind &kind, const uint8_t (*query)[kMaxBytes], const uint8_t *code) {
    int nearest = kind.bits;
    for (int v = 0; v < kind.variants; v++) {
        int bits = 0;
        for (int i = 0; i < (kind.bits + 7) / 8; i++) bits += __builtin_popcount(query[v][i] ^ code[i]);
        nearest = std::min(nearest, bits);
    }
    return nearest;
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
    const uint8_t (*codes(size_t picture, size_t version) const)[kMaxBytes] {
        return shared_->codes[picture * kVersions + version][hash_];
    }

    int radius() const {
        std::vector<int> nearest(kQueries, kind_.bits);
        for (size_t q = 0; q < kQueries; q++)
            for (size_t p = 0; p < pictures_; p++)
                if (p != q) nearest[q] = std::min(nearest[q], distance(kind_, codes(q, 0), codes(p, 0)[0]));
        auto allowed = static_cast<size_t>(kFalseMatches * kQueries) - 1;
        std::nth_element(nearest.begin(), nearest.begin() + allowed, nearest.end());
        return nearest[allowed] - 1;
    }

    CopyQuality of_copies(size_t copy, int radius) const {
        CopyQuality quality{};
        for (size_t q = 0; q < kQueries; q++) {
            int own = distance(kind_, codes(q, copy), codes(q, 0)[0]);
            size_t nearer = 0, ties = 0;
            for (size_t p = 0; p < pictures_; p++) {
                int d = distance(kind_, codes(q, copy), codes(p, 0)[0]);
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
