// A list of facts that is being written.
#pragma once

#include <string>

#include "base/guarded.h"
#include "base/types.h"

namespace imagehash {

class Facts {
 public:
    explicit Facts(Fact *facts) : facts_(facts) {}
    void add(const std::string &name, const std::string &value) {
        if (count_ == kMaxFacts) return;
        copy_text(facts_[count_].name, sizeof(Fact::name), name.c_str());
        copy_text(facts_[count_].value, sizeof(Fact::value), value.empty() ? "unknown" : value.c_str());
        count_++;
    }
    int count() const { return count_; }

 private:
    Fact *facts_;
    int count_ = 0;
};

}  // namespace imagehash
