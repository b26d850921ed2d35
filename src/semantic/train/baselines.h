// Hashers that need no deep training: what an autoencoder has to beat, and a choice where it does not.
//
// Both give a linear Hasher, in the same file format. Must not include PostgreSQL or OpenCV.
#pragma once

#include <cstdint>

#include "semantic/hasher/hasher.h"
#include "semantic/train/trainer.h"

namespace imagehash::semantic {

constexpr int kItqIterations = 50;

// Signs of random directions (locality-sensitive hashing), around the mean of the embeddings.
// M. Charikar, "Similarity estimation techniques from rounding algorithms", 2002.
Hasher random_projection(MatrixView embeddings, int bits, uint64_t seed, StopFlag stop = nullptr);

// Principal components, rotated so that their signs lose least. bits is at most the embedding's length.
// Y. Gong, S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", 2011.
Hasher itq(MatrixView embeddings, int bits, uint64_t seed, int iterations = kItqIterations,
           StopFlag stop = nullptr);

// Both take embeddings[n][d], raw, and throw Error(bad_argument) for sizes out of range, too few rows or
// values that are not finite, Error(cancelled) when stop says so.

}  // namespace imagehash::semantic
