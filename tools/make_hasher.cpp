// Makes the shipped hasher: trains autoencoders from several seeds, keeps the one that ranks best, writes it.
//
// The choice is made on photos held out of training and without anybody's labels; the collections of the
// quality table (quality.cpp) have no say in it. Must not be needed to build or run the product.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "classifier.h"
#include "embeddings.h"
#include "recipe.h"
#include "semantic/train/retrieval.h"
#include "semantic/train/trainer.h"
#include "tool.h"

namespace imagehash::tools {
namespace {

using namespace imagehash::semantic;

constexpr size_t kQueries = 500;
constexpr size_t kNeighbors = 50;

constexpr char kUsage[] =
    "usage: make_hasher EMBEDDINGS CLASSIFIER OUTPUT [FIRST_SEED [SEEDS [BITS]]]\n"
    "  EMBEDDINGS  photos/embeddings.u8: 1280 bytes an image, value = 6 * (byte / 255)^2\n"
    "  CLASSIFIER  efficientnet_lite0_classifier.pt, TorchScript, float[N,1280] -> float[N,1000]\n"
    "  OUTPUT      the hasher file to write\n"
    "  FIRST_SEED  default 1\n"
    "  SEEDS       how many seeds to try, default 3\n"
    "  BITS        length of the codes, default 256: what is shipped";

// Held-out photos, labeled by the classifier's first answer: it is no person's label, but images that get
// the same answer should be near.
struct HeldOut {
    MatrixView queries;
    MatrixView rest;
    std::vector<int32_t> labels;  // of the queries, then of the rest
};

HeldOut hold_out(MatrixView rows, const Classifier &classifier) {
    HeldOut held{{rows.data, kQueries, rows.columns},
                 {rows.data + kQueries * rows.columns, rows.rows - kQueries, rows.columns},
                 {}};
    for (size_t i = 0; i < rows.rows; i++) {
        const float *x = rows.data + i * rows.columns;
        std::vector<double> logits(classifier.bias.begin(), classifier.bias.end());
        for (int c = 0; c < classifier.classes; c++)
            logits[c] +=
                std::inner_product(x, x + rows.columns, &classifier.weight[size_t(c) * rows.columns], 0.0);
        held.labels.push_back(std::max_element(logits.begin(), logits.end()) - logits.begin());
    }
    return held;
}

// mAP@1000 of the codes by those labels. Prints it, and the share of the float neighbors that codes keep.
double held_out_map(const Hasher &hasher, const HeldOut &held) {
    LearnSet queries = unlabeled(held.queries), rest = unlabeled(held.rest);
    queries.labels = held.labels.data();
    rest.labels = &held.labels[kQueries];
    EvaluateOptions options;
    options.precision_k = kNeighbors;
    Evaluation e = evaluate(hasher, queries, rest, options);
    double map = e.code.map_at_k, kept = e.neighbors_kept;
    std::printf(
        "  on %zu held-out photos: mAP by the classifier's answers %.4f, of %zu neighbors kept %.3f\n",
        held.queries.rows + held.rest.rows, map, kNeighbors, kept);
    return map;
}

void print_progress(const TrainProgress &p) {
    std::printf("  epoch %2d  loss %.4f  reconstruction %.4f  commitment %.4f  kl %.4f\n", p.epoch, p.loss,
                p.reconstruction, p.commitment, p.kl);
    std::fflush(stdout);
}

uint64_t parse_number(const char *text) {
    char *end;
    uint64_t value = std::strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end) die(kUsage);
    return value;
}

int run(int argc, char **argv) {
    if (argc < 4 || argc > 7) die(kUsage);
    uint64_t first_seed = argc > 4 ? parse_number(argv[4]) : 1, seeds = argc > 5 ? parse_number(argv[5]) : 3,
             bits = argc > 6 ? parse_number(argv[6]) : 256;
    if (bits > 1024) die(kUsage);
    std::vector<float> embeddings = read_embeddings(argv[1]);
    Classifier classifier = read_classifier(argv[2]);
    MatrixView all = view(embeddings);
    if (all.rows < 2 * kHeldOut || seeds < 1) die("too few embeddings, or no seed to try");
    MatrixView training = training_rows(all);
    HeldOut held_out = hold_out(held_out_rows(all), classifier);

    std::vector<uint8_t> best;  // as a file
    double best_map = -1;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        std::printf("seed %" PRIu64 ": %zu embeddings\n", seed, training.rows);
        Hasher hasher = train_autoencoder(unlabeled(training), &classifier,
                                          shipped_recipe(static_cast<int>(bits), seed), print_progress)
                            .hasher;
        double map = held_out_map(hasher, held_out);
        if (map <= best_map) continue;
        best_map = map;
        best = hasher.serialize();
    }
    write_file(argv[3], best);
    std::printf("wrote %s: %zu bytes, mAP on held-out photos %.4f\n", argv[3], best.size(), best_map);
    return 0;
}

}  // namespace
}  // namespace imagehash::tools

int main(int argc, char **argv) {
    return imagehash::tools::run_tool(imagehash::tools::run, argc, argv);
}
