// What a bug report needs to know: the versions of OpenCV, LibTorch and their codecs, and how a network runs.
//
// Reads what the libraries say of themselves; must not load or run anything.
#pragma once

#include "semantic/network/network.h"

namespace imagehash::semantic {

// Returns how many of facts[] it has written.
int write_facts(const Network &network, Fact facts[kMaxFacts]);

}  // namespace imagehash::semantic
