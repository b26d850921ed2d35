// What a bug report needs to know of OpenCV and its codecs. Reads what the libraries say of themselves.
#pragma once

#include "common/types.h"

namespace imagehash::vision {

// Returns how many of facts[] it has written.
int write_facts(Fact facts[kMaxFacts]);

}  // namespace imagehash::vision
