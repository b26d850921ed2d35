// Facts about LibTorch and one network, as rows of imagehash_info(). Only asks; must not run the network.
#include "semantic/network/about.h"

#include <string>

#include <ATen/Context.h>
#include <torch/version.h>

#include "base/facts.h"
#include "semantic/network/threads.h"

namespace imagehash::semantic {

namespace {

// Which oneDNN or XNNPACK this LibTorch has decides how fast it can be.
std::string available(bool xnnpack, bool onednn) {
    return std::string(xnnpack ? "xnnpack" : "no xnnpack") + (onednn ? ", onednn" : ", no onednn");
}

}  // namespace

int write_facts(const Network &network, Fact facts[kMaxFacts]) {
    Facts list(facts);
    list.add("libtorch", TORCH_VERSION);
    list.add("libtorch backends",
             available(at::globalContext().isXNNPACKAvailable(), at::Context::hasMKLDNN()));
    list.add("network backend", network.note().empty() && network.backend() != std::string("plain")
                                    ? std::string(network.backend()) + ", checked against plain"
                                    : std::string(network.backend()));
    if (!network.note().empty()) list.add("network note", network.note());
    list.add("network batch", std::to_string(network.batch()));
    list.add("threads in use", std::to_string(threads_in_use()));
    return list.count();
}

}  // namespace imagehash::semantic
