// Measures what is shipped: how well codes rank labeled collections no hasher was trained on, beside the
// float embedding (the ceiling), ITQ and random projections of the same embeddings. Prints a Markdown table.
//
// Measures only; the recipe and the shipped file are chosen elsewhere (make_hasher.cpp), without these
// labels.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "classifier.h"
#include "collections.h"
#include "embeddings.h"
#include "recipe.h"
#include "semantic/train/baselines.h"
#include "semantic/train/recipes.h"
#include "semantic/train/retrieval.h"
#include "semantic/train/trainer.h"
#include "tool.h"

namespace imagehash::tools {
namespace {

using namespace imagehash::semantic;

constexpr EvaluateOptions kOptions;
constexpr size_t kRanked = kOptions.k;
constexpr uint64_t kSeed = 1;
constexpr int kLengths[] = {16, 32, 64, 128, 256};
constexpr int kShippedBits = 256;

constexpr char kUsage[] =
    "usage: quality MODELS SHARED CACHE\n"
    "  MODELS  the folder with MANIFEST.tsv, the network and the hasher\n"
    "  SHARED  the folder with data/photos, data/corel1k, data/cifar10 and "
    "models/efficientnet_lite0_classifier.pt\n"
    "  CACHE   an existing folder for the embeddings: about 310 MB, made in minutes, used again by the next "
    "run";

struct PinnedFile {
    std::string path;
    std::string sha256;
};

PinnedFile pinned(const std::string &models, const std::string &role) {
    std::ifstream manifest(models + "/MANIFEST.tsv");
    std::string line, name, role_here, sha256;
    while (std::getline(manifest, line)) {
        std::istringstream fields(line);
        std::getline(fields, name, '\t') && std::getline(fields, role_here, '\t') &&
            std::getline(fields, sha256, '\t');
        if (line[0] != '#' && role_here == role) return {models + "/" + name, sha256};
    }
    die("\"" + models + "/MANIFEST.tsv\" names no " + role);
}

void print_row(const std::string &method, int bits, const std::vector<Quality> &quality) {
    std::printf("| %s | %s |", method.c_str(), bits > 0 ? std::to_string(bits).c_str() : "-");
    for (const Quality &q : quality) std::printf(" %.3f | %.3f |", q.map_at_k, q.precision_at_k);
    std::printf("\n");
    std::fflush(stdout);
}

Quality quality_of(const Hasher &hasher, const Collection &c) {
    std::vector<uint8_t> queries = hash_all(hasher, c.queries.rows()),
                         database = hash_all(hasher, c.database.rows());
    return code_quality({queries.data(), c.queries.labels.size(), hasher.bits()}, c.queries.labels.data(),
                        {database.data(), c.database.labels.size(), hasher.bits()}, c.database.labels.data(),
                        kOptions);
}

void report(const std::string &method, const Hasher &hasher, const std::vector<Collection> &collections) {
    std::vector<Quality> quality;
    for (const Collection &c : collections) quality.push_back(quality_of(hasher, c));
    print_row(method, hasher.bits(), quality);
}

LearnSet learn_set(const LabeledSet &rows) {
    return {rows.rows().data, rows.labels.size(), rows.rows().columns, nullptr, 0, rows.labels.data()};
}

// And with the first answers of each query in another order, as a user can put them (docs/how-to/re-rank.md).
void report_and_rerank(const std::string &method, const Hasher &hasher,
                       const std::vector<Collection> &collections) {
    std::vector<Quality> by_code, by_logits, by_embedding;
    for (const Collection &c : collections) {
        Evaluation all = evaluate(hasher, learn_set(c.queries), learn_set(c.database), kOptions);
        by_code.push_back(all.code);
        by_logits.push_back(all.reranked_by_logits);
        by_embedding.push_back(all.reranked_by_embedding);
    }
    print_row(method, hasher.bits(), by_code);
    const std::string first = "the same, first " + std::to_string(kOptions.rerank) + " re-ranked by ";
    print_row(first + "logits", hasher.bits(), by_logits);
    print_row(first + "embedding", hasher.bits(), by_embedding);
}

void report_floats(const std::vector<Collection> &collections) {
    std::vector<Quality> quality;
    for (const Collection &c : collections)
        quality.push_back(float_quality(c.queries.rows(), c.queries.labels.data(), c.database.rows(),
                                        c.database.labels.data(), kOptions));
    print_row("float embedding, cosine (ceiling)", 0, quality);
}

void print_head(const std::vector<Collection> &collections) {
    std::printf("| method | bits |");
    for (const Collection &c : collections)
        std::printf(" %s mAP@%zu | precision@10 |", c.name.c_str(), kRanked);
    std::printf("\n|---|---|");
    for (size_t i = 0; i < collections.size(); i++) std::printf("---|---|");
    std::printf("\n");
}

Hasher trained_on(const TrainingSet &training, int bits, bool views, bool labels) {
    LearnSet set = training.learn_set(views, labels);
    return train_autoencoder(set, nullptr, default_options(bits, set)).hasher;
}

// Hashers of the collection's own, by the recipe of train_hasher().
void report_own(const Collection &c) {
    std::printf("\nTrained on %zu pictures of the database itself:\n\n", c.training.rows.labels.size());
    print_head({c});
    report_floats({c});
    for (int bits : kLengths) {
        std::fprintf(stderr, "%s: training hashers of %d bits\n", c.name.c_str(), bits);
        report("random projection", random_projection(c.training.rows.rows(), bits, kSeed), {c});
        report("ITQ", itq(c.training.rows.rows(), bits, kSeed), {c});
        report_and_rerank("train_hasher, embeddings", trained_on(c.training, bits, false, false), {c});
        report("train_hasher, images", trained_on(c.training, bits, true, false), {c});
        report_and_rerank("train_hasher, embeddings and labels", trained_on(c.training, bits, false, true),
                          {c});
        report("train_hasher, images and labels", trained_on(c.training, bits, true, true), {c});
    }
}

void describe(const std::vector<Collection> &collections) {
    std::printf("\n");
    for (const Collection &c : collections)
        std::printf("%s: %zu queries, %zu in the database.\n", c.name.c_str(), c.queries.labels.size(),
                    c.database.labels.size());
}

int run(int argc, char **argv) {
    if (argc != 4) die(kUsage);
    std::string models = argv[1], shared = argv[2], data = shared + "/data",
                photos = data + "/photos/embeddings.u8";
    if (!std::ifstream(photos))
        die("quality is measured on data this repository does not hold: \"" + photos + "\" is missing.\n" +
            kUsage);
    PinnedFile network = pinned(models, "network");
    EmbeddingCache cache{network.path, network.sha256, argv[3]};
    // First, while LibTorch has started nothing: embedding forks.
    std::vector<Collection> collections{corel1k(data, cache), cifar10(data, cache)};

    std::vector<uint8_t> shipped = read_file(pinned(models, "hasher").path);
    std::vector<float> embeddings = read_embeddings(photos);
    Classifier classifier = read_classifier(shared + "/models/efficientnet_lite0_classifier.pt");
    if (view(embeddings).rows < 2 * kHeldOut) die("\"" + photos + "\" has too few embeddings");
    MatrixView training = training_rows(view(embeddings));

    print_head(collections);
    report_floats(collections);
    report_and_rerank("**shipped hasher**", Hasher::parse(shipped.data(), shipped.size()), collections);
    for (int bits : kLengths) {
        report("random projection", random_projection(training, bits, kSeed), collections);
        report("ITQ", itq(training, bits, kSeed), collections);
        if (bits == kShippedBits) continue;  // the shipped one
        std::fprintf(stderr, "training an autoencoder of %d bits\n", bits);
        report("autoencoder + KL",
               train_autoencoder(unlabeled(training), &classifier, shipped_recipe(bits, kSeed)).hasher,
               collections);
    }
    describe(collections);
    for (const Collection &c : collections) report_own(c);
    return 0;
}

}  // namespace
}  // namespace imagehash::tools

int main(int argc, char **argv) {
    return imagehash::tools::run_tool(imagehash::tools::run, argc, argv);
}
