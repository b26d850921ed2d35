// Hashers that need no deep training: what an autoencoder has to beat, and a choice where it does not.
//
// Both take embeddings[n][d], raw, and give a linear Hasher, in the same file format. They throw
// Error(bad_argument) for sizes out of range, too few rows or values that are not finite, and
// Error(cancelled) when stop says so. Must not include PostgreSQL or OpenCV, nor LibTorch in this header.
#pragma once

#include <cstdint>

#include "semantic/hasher/hasher.h"
#include "semantic/train/matrix_view.h"

namespace imagehash::semantic {

// Signs of random directions (locality-sensitive hashing), around the mean of the embeddings.
// M. Charikar, "Similarity estimation techniques from rounding algorithms", 2002.
Hasher random_projection(MatrixView embeddings, int bits, uint64_t seed, StopFlag stop = nullptr);

// Principal components, rotated so that their signs lose least. bits is at most the embedding's length.
// Y. Gong, S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", 2011.
Hasher itq(MatrixView embeddings, int bits, uint64_t seed, StopFlag stop = nullptr);

}  // namespace imagehash::semantic
