// The labelled collections of the quality table, as embeddings: read, embedded once, kept in a cache.
//
// A header, because every .cpp of this folder is a tool of its own. Must not be used to train or to choose
// the shipped hasher.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "tool.h"
#include "vision/input/augment.h"
#include "vision/codec/decode.h"
#include "semantic/network/network.h"
#include "vision/input/preprocess.h"
#include "common/status.h"

namespace imagehash::models {

constexpr int kEmbeddingProcesses = 2;
constexpr size_t kQueriesPerClass = 50;
constexpr uint32_t kSplitSeed = 1;
constexpr size_t kTrainingPerClass = 500;
constexpr int kViews = 4;
constexpr uint64_t kViewSeed = 1;
constexpr vision::Limits kLimits = {100'000'000, 1 << 30};

// Rows of `embeddings` belong to `labels` one by one.
struct LabelledSet {
    std::vector<float> embeddings;
    std::vector<int32_t> labels;

    vision::MatrixView rows() const { return view(embeddings); }
};

// Some rows of a database and augmented views of their pictures: what a hasher of the collection's own learns
// from.
struct TrainingSet {
    LabelledSet rows;
    std::vector<float> views;  // [rows][kViews][kShippedLength]

    vision::LearnSet learn_set(bool with_views, bool with_labels) const {
        return {rows.embeddings.data(),  rows.labels.size(),
                vision::kShippedLength,  with_views ? views.data() : nullptr,
                with_views ? kViews : 0, with_labels ? rows.labels.data() : nullptr};
    }
};

struct Collection {
    std::string name;
    LabelledSet queries;
    LabelledSet database;
    TrainingSet training;
};

// Where to find and keep things.
struct Sources {
    std::string network;
    std::string network_sha256;
    std::string data;   // ../shared/data
    std::string cache;  // a directory for embeddings; empty it after a change of decoding or preprocessing
};

struct LabelledImage {
    std::vector<uint8_t> bytes;
    int32_t label;
    bool is_query;
};

// Fisher and Yates; std::shuffle gives another order in another standard library.
template <typename T>
void shuffle(std::vector<T> &values, std::mt19937 &random) {
    for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[random() % i]);
}

// How a collection's pictures become inputs; `squash` resizes straight to the input, without keeping the
// shape.
inline vision::InputRecipe recipe_of(bool squash) {
    vision::InputRecipe recipe = vision::kShippedRecipe;
    if (squash) recipe.short_side = 0;
    return recipe;
}

// Embeddings of one picture: the clean one, or `views` augmented ones; as embed_views() makes them.
inline void embed_one(const vision::Network &network, const std::vector<uint8_t> &bytes, int views,
                      float *out) {
    const vision::InputRecipe &recipe = network.recipe();
    vision::Bytes image{bytes.data(), bytes.size()};
    int short_side = vision::wanted_short_side(recipe);
    std::vector<float> input(vision::input_floats(recipe));
    cv::Mat pixels = vision::decode(image, kLimits, views > 0 ? 2 * short_side : short_side);
    vision::ViewRandom random = vision::view_random(kViewSeed, image);
    for (int i = 0; i < std::max(views, 1); i++) {
        cv::Mat seen =
            views > 0 ? vision::augmented_view(pixels, recipe, random) : vision::input_view(pixels, recipe);
        vision::write_input(seen, recipe, input.data());
        network.embed(input.data(), 1, out + i * vision::kShippedLength);
    }
}

// What to embed, and under which name to keep it.
struct EmbedTask {
    std::string name;
    const std::vector<LabelledImage> &images;
    bool squash;
    int views;  // 0: the clean pictures

    size_t values() const { return images.size() * std::max(views, 1) * vision::kShippedLength; }
};

// One process's share: whichever image is next, until there are none.
inline void embed_share(const EmbedTask &task, const Sources &sources, std::atomic<size_t> &next,
                        float *out) {
    std::vector<uint8_t> file = read_file(sources.network);
    vision::Network network({file.data(), file.size()}, recipe_of(task.squash));
    size_t each = task.values() / task.images.size();
    for (size_t i; (i = next++) < task.images.size();) {
        embed_one(network, task.images[i].bytes, task.views, out + i * each);
        if ((i + 1) % 1000 == 0)
            std::fprintf(stderr, "%s: embedded %zu of %zu\n", task.name.c_str(), i + 1, task.images.size());
    }
}

// Processes rather than threads: XNNPACK keeps state in the module and its pool of threads is shared. They
// are forked before LibTorch does anything here, and write into memory they share with us.
inline std::vector<float> embed_all(const EmbedTask &task, const Sources &sources) {
    size_t values = task.values(), offset = 64;
    void *shared = mmap(nullptr, offset + values * sizeof(float), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("not enough memory for the embeddings of " + task.name);
    auto *next = new (shared) std::atomic<size_t>(0);
    auto *out = reinterpret_cast<float *>(static_cast<char *>(shared) + offset);
    for (int i = 0; i < kEmbeddingProcesses; i++) {
        pid_t child = fork();
        if (child < 0) die("cannot start a process");
        if (child > 0) continue;
        try {
            embed_share(task, sources, *next, out);
        } catch (const std::exception &e) {
            die(task.name + ": " + e.what());
        }
        _exit(0);
    }
    bool good = true;
    for (int i = 0, status; i < kEmbeddingProcesses; i++) good &= wait(&status) > 0 && status == 0;
    if (!good) die(task.name + ": embedding failed");
    std::vector<float> embeddings(out, out + values);
    munmap(shared, offset + values * sizeof(float));
    return embeddings;
}

inline std::vector<float> cached_embeddings(const EmbedTask &task, const Sources &sources) {
    std::string path = sources.cache + "/" + task.name + "-" + sources.network_sha256.substr(0, 16) + ".f32";
    std::vector<float> embeddings(task.values());
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    size_t bytes = embeddings.size() * sizeof(float);
    if (file && static_cast<size_t>(file.tellg()) == bytes && file.seekg(0) &&
        file.read(reinterpret_cast<char *>(embeddings.data()), bytes)) {
        std::fprintf(stderr, "%s: embeddings from %s\n", task.name.c_str(), path.c_str());
        return embeddings;
    }
    embeddings = embed_all(task, sources);
    auto *raw = reinterpret_cast<const uint8_t *>(embeddings.data());
    write_file(path + ".new", {raw, raw + bytes});
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0) die("cannot write \"" + path + "\"");
    return embeddings;
}

inline void append(LabelledSet &set, const float *row, int32_t label) {
    set.embeddings.insert(set.embeddings.end(), row, row + vision::kShippedLength);
    set.labels.push_back(label);
}

// Splits into queries and database, and takes the first `training_per_class` of every class of the database
// to train on. The database is put in a random order, because the files come class by class and ties keep the
// order.
inline Collection make_collection(const std::string &name, const std::vector<LabelledImage> &images,
                                  bool squash, size_t training_per_class, const Sources &sources) {
    std::vector<float> embeddings = cached_embeddings({name, images, squash, 0}, sources);
    std::vector<size_t> order(images.size());
    for (size_t i = 0; i < order.size(); i++) order[i] = i;
    std::mt19937 random(kSplitSeed);
    shuffle(order, random);
    Collection collection{name, {}, {}, {}};
    std::map<int32_t, size_t> taken;
    std::vector<LabelledImage> training;
    for (size_t i : order) {
        const float *row = &embeddings[i * vision::kShippedLength];
        append(images[i].is_query ? collection.queries : collection.database, row, images[i].label);
        if (images[i].is_query || taken[images[i].label]++ >= training_per_class) continue;
        append(collection.training.rows, row, images[i].label);
        training.push_back(images[i]);
    }
    collection.training.views = cached_embeddings({name + "-views", training, squash, kViews}, sources);
    return collection;
}

inline int32_t label_number(std::map<std::string, int32_t> &numbers, const std::string &label) {
    return numbers.emplace(label, static_cast<int32_t>(numbers.size())).first->second;
}

// 1,000 photos or fewer of 10 classes with a split of their own; short side 256, centre 224.
inline Collection corel1k(const Sources &sources) {
    std::string folder = sources.data + "/corel1k/", line, file, split, label;
    std::ifstream list(folder + "labels.tsv");
    if (!std::getline(list, line)) die("cannot read \"" + folder + "labels.tsv\"");
    std::vector<LabelledImage> images;
    std::map<std::string, int32_t> numbers;
    while (std::getline(list, line)) {
        std::istringstream fields(line);
        if (!std::getline(fields, file, '\t') || !std::getline(fields, split, '\t') ||
            !std::getline(fields, label))
            die("\"" + folder + "labels.tsv\" has a bad line: " + line);
        images.push_back({read_file(folder + file), label_number(numbers, label), split == "query"});
    }
    return make_collection("corel1k", images, false, images.size(), sources);
}

// Appends the files of a tar archive whose members are called <split>/<class>/<file>.
inline void read_tar(const std::string &path, std::map<std::string, int32_t> &numbers,
                     std::vector<LabelledImage> &images) {
    std::vector<uint8_t> tar = read_file(path);
    constexpr size_t kBlock = 512, kSizeOffset = 124, kTypeOffset = 156;
    for (size_t at = 0; at + kBlock <= tar.size() && tar[at] != 0;) {
        const char *header = reinterpret_cast<const char *>(&tar[at]);
        std::string name(header, strnlen(header, 100));
        size_t size = std::strtoull(std::string(header + kSizeOffset, 12).c_str(), nullptr, 8);
        char type = header[kTypeOffset];
        at += kBlock;
        if (size > tar.size() - at) die("\"" + path + "\" is truncated");
        if (type == '0' || type == '\0') {
            size_t end = name.rfind('/'), begin = end == std::string::npos ? end : name.rfind('/', end - 1);
            if (begin == std::string::npos) die("\"" + path + "\" has a member without a class: " + name);
            int32_t label = label_number(numbers, name.substr(begin + 1, end - begin - 1));
            images.push_back({{tar.begin() + at, tar.begin() + at + size}, label, false});
        }
        at += (size + kBlock - 1) / kBlock * kBlock;
    }
}

// 60,000 pictures of 10 classes, 32x32, enlarged straight to the input: 50 random queries a class, the others
// are the database, of which 500 a class are trained on.
inline Collection cifar10(const Sources &sources) {
    std::vector<LabelledImage> images;
    std::map<std::string, int32_t> numbers;
    for (const char *part : {"test", "train"})
        read_tar(sources.data + "/cifar10/" + part + ".tar", numbers, images);
    std::vector<size_t> order(images.size()), taken(numbers.size(), 0);
    for (size_t i = 0; i < order.size(); i++) order[i] = i;
    std::mt19937 random(kSplitSeed);
    shuffle(order, random);
    for (size_t i : order)
        if (taken[images[i].label]++ < kQueriesPerClass) images[i].is_query = true;
    return make_collection("cifar10", images, true, kTrainingPerClass, sources);
}

}  // namespace imagehash::models
