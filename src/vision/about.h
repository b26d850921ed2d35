// Facts about OpenCV and its codecs for bug reports, as the libraries report them.
#pragma once

#include "base/types.h"

namespace imagehash::vision {

// Returns the number of facts written.
int write_facts(Fact facts[kMaxFacts]);

}  // namespace imagehash::vision
