// The labeled collections of the quality table, as embeddings.
//
// Must not be used to train or to choose the shipped hasher.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "embedding_cache.h"
#include "semantic/train/trainer.h"

namespace imagehash::tools {

// Rows of `embeddings` belong to `labels` one by one.
struct LabeledSet {
    std::vector<float> embeddings;
    std::vector<int32_t> labels;

    semantic::MatrixView rows() const;
};

// Some rows of a database and augmented views of their pictures: what a hasher of the collection's own learns
// from.
struct TrainingSet {
    LabeledSet rows;
    std::vector<float> views;  // [rows][views_per_row][kShippedLength]

    // With the views, or the labels, only where asked for. The training set must outlive it.
    semantic::LearnSet learn_set(bool with_views, bool with_labels) const;
};

struct Collection {
    std::string name;
    LabeledSet queries;
    LabeledSet database;
    TrainingSet training;
};

// 1,000 photos or fewer of 10 classes with a split of their own; short side 256, center 224. All of the
// database is trained on. Both collections are read from folders of `data`, and die where that fails.
Collection corel1k(const std::string &data, const EmbeddingCache &cache);

// 60,000 pictures of 10 classes, 32x32, enlarged straight to the input: 50 random queries a class, the others
// are the database, of which 500 a class are trained on.
Collection cifar10(const std::string &data, const EmbeddingCache &cache);

}  // namespace imagehash::tools
