// Objects as bytes, for another process that runs the same program: sizes, writes and reads the same members
// in the same order, so that the three cannot differ.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace imagehash::hamming {

// Measures (no target), writes to `target`, or reads from `source`.
class Archive {
 public:
    static Archive measuring() { return Archive(nullptr, nullptr); }
    static Archive writing(char *target) { return Archive(target, nullptr); }
    static Archive reading(const char *source) { return Archive(nullptr, source); }

    size_t size() const { return size_; }

    template <class T>
    void value(T *value) {
        bytes(value, sizeof(T));
    }
    template <class T>
    void vector(std::vector<T> *values) {
        static_assert(std::is_trivially_copyable<T>::value, "copied as bytes");
        length(values);
        bytes(values->data(), values->size() * sizeof(T));
    }
    // Of elements that are archived one by one afterwards; when reading, new ones are copies of `empty`.
    template <class T>
    void length(std::vector<T> *values, const T &empty = T()) {
        uint64_t length = values->size();
        value(&length);
        if (source_ != nullptr) values->assign(length, empty);
    }

 private:
    Archive(char *target, const char *source) : target_(target), source_(source) {}

    void bytes(void *data, size_t count) {
        if (count == 0) return;
        if (target_ != nullptr) memcpy(target_ + size_, data, count);
        if (source_ != nullptr) memcpy(data, source_ + size_, count);
        size_ += count;
    }

    char *target_;
    const char *source_;
    size_t size_ = 0;
};

}  // namespace imagehash::hamming
