#include "collections.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <sstream>

#include "embeddings.h"
#include "semantic/types.h"
#include "shuffle.h"
#include "tool.h"

namespace imagehash::tools {

using semantic::kShippedLength;

namespace {

constexpr size_t kQueriesPerClass = 50;
constexpr uint32_t kSplitSeed = 1;
constexpr size_t kTrainingPerClass = 500;
constexpr int kViews = 4;

struct LabeledImage {
    std::vector<uint8_t> bytes;
    int32_t label;
    bool is_query;
};

void append(LabeledSet &set, const float *row, int32_t label) {
    set.embeddings.insert(set.embeddings.end(), row, row + kShippedLength);
    set.labels.push_back(label);
}

// 0 to count - 1.
std::vector<size_t> random_order(size_t count) {
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(kSplitSeed);
    shuffle(order, random);
    return order;
}

// Splits into queries and database, and takes the first `training_per_class` of every class of the database
// to train on. The database is put in a random order, because the files come class by class and ties keep the
// order.
Collection make_collection(const std::string &name, const std::vector<LabeledImage> &images, bool squash,
                           size_t training_per_class, const EmbeddingCache &cache) {
    std::vector<Bytes> all, training;
    for (const LabeledImage &image : images) all.push_back({image.bytes.data(), image.bytes.size()});
    std::vector<float> embeddings = cached_embeddings({name, all, squash, 0}, cache);
    Collection collection{name, {}, {}, {}};
    std::map<int32_t, size_t> taken;
    for (size_t i : random_order(images.size())) {
        const float *row = &embeddings[i * kShippedLength];
        append(images[i].is_query ? collection.queries : collection.database, row, images[i].label);
        if (images[i].is_query || taken[images[i].label]++ >= training_per_class) continue;
        append(collection.training.rows, row, images[i].label);
        training.push_back(all[i]);
    }
    collection.training.views = cached_embeddings({name + "-views", training, squash, kViews}, cache);
    return collection;
}

int32_t label_number(std::map<std::string, int32_t> &numbers, const std::string &label) {
    return numbers.emplace(label, static_cast<int32_t>(numbers.size())).first->second;
}

// Appends the files of a tar archive whose members are called <split>/<class>/<file>.
void read_tar(const std::string &path, std::map<std::string, int32_t> &numbers,
              std::vector<LabeledImage> &images) {
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

}  // namespace

semantic::MatrixView LabeledSet::rows() const {
    return view(embeddings);
}

semantic::LearnSet TrainingSet::learn_set(bool with_views, bool with_labels) const {
    return {rows.embeddings.data(),  rows.labels.size(),
            kShippedLength,          with_views ? views.data() : nullptr,
            with_views ? kViews : 0, with_labels ? rows.labels.data() : nullptr};
}

Collection corel1k(const std::string &data, const EmbeddingCache &cache) {
    std::string folder = data + "/corel1k/", line, file, split, label;
    std::ifstream list(folder + "labels.tsv");
    if (!std::getline(list, line)) die("cannot read \"" + folder + "labels.tsv\"");
    std::vector<LabeledImage> images;
    std::map<std::string, int32_t> numbers;
    while (std::getline(list, line)) {
        std::istringstream fields(line);
        if (!std::getline(fields, file, '\t') || !std::getline(fields, split, '\t') ||
            !std::getline(fields, label))
            die("\"" + folder + "labels.tsv\" has a bad line: " + line);
        images.push_back({read_file(folder + file), label_number(numbers, label), split == "query"});
    }
    return make_collection("corel1k", images, false, images.size(), cache);
}

Collection cifar10(const std::string &data, const EmbeddingCache &cache) {
    std::vector<LabeledImage> images;
    std::map<std::string, int32_t> numbers;
    for (const char *part : {"test", "train"}) read_tar(data + "/cifar10/" + part + ".tar", numbers, images);
    std::vector<size_t> taken(numbers.size(), 0);
    for (size_t i : random_order(images.size()))
        if (taken[images[i].label]++ < kQueriesPerClass) images[i].is_query = true;
    return make_collection("cifar10", images, true, kTrainingPerClass, cache);
}

}  // namespace imagehash::tools
