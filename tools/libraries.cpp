#include "libraries.h"

#include <cstdint>
#include <vector>

#include "tool.h"

namespace imagehash::tools {

Libraries start_libraries() {
    Libraries libraries{*imagehash_vision_api(), *imagehash_semantic_api()};
    check(libraries.vision.start());
    check(libraries.semantic.start());
    return libraries;
}

void check(const Status &status) {
    if (!status.ok()) throw Error(status.kind, status.message, status.hint);
}

semantic::NetworkId load_network(const Libraries &libraries, const std::string &path,
                                 const Preprocessing &preprocessing) {
    std::vector<uint8_t> file = read_file(path);
    semantic::NetworkId id;
    int length;
    char note[256];
    check(libraries.semantic.load_network({file.data(), file.size()}, preprocessing, &id, &length, note));
    if (length != semantic::kShippedLength)
        throw Error(ErrorKind::bad_model, "\"" + path + "\" gives embeddings of another length");
    return id;
}

semantic::HasherId load_hasher(const Libraries &libraries, const std::string &path) {
    std::vector<uint8_t> file = read_file(path);
    semantic::HasherId id;
    semantic::HasherShape shape;
    check(libraries.semantic.load_hasher({file.data(), file.size()}, &id, &shape));
    return id;
}

}  // namespace imagehash::tools
