// A random order that is the same everywhere.
#pragma once

#include <cstddef>
#include <random>
#include <utility>
#include <vector>

namespace imagehash::tools {

// Fisher and Yates; std::shuffle gives another order in another standard library.
template <typename T>
void shuffle(std::vector<T> &values, std::mt19937 &random) {
    for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[random() % i]);
}

}  // namespace imagehash::tools
