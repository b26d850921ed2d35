// Rows of floats as training and measuring take them: a view of memory that the caller owns.
#pragma once

#include <cstddef>

#include "semantic/types.h"

namespace imagehash::semantic {

// Row-major: data[rows][columns].
struct MatrixView {
    const float *data;
    size_t rows;
    int columns;
};

inline MatrixView embeddings_of(const LearnSet &set) {
    return {set.embeddings, set.rows, set.length};
}

// A set of embeddings without views and labels.
inline LearnSet unlabeled(MatrixView rows) {
    return {rows.data, rows.rows, rows.columns, nullptr, 0, nullptr};
}

}  // namespace imagehash::semantic
