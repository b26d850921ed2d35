#include "embedding_cache.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>

#include "libraries.h"
#include "processes.h"
#include "tool.h"

namespace imagehash::tools {

namespace {

constexpr uint64_t kViewSeed = 1;

// Embeds pictures of one task, in one process.
class Embedder {
 public:
    Embedder(const EmbedTask &task, const EmbeddingCache &cache)
        : task_(task),
          preprocessing_(preprocessing_of(task)),
          libraries_(start_libraries()),
          network_(load_network(libraries_, cache.network, preprocessing_)),
          input_(input_floats(preprocessing_)) {}

    void embed(size_t image, float *out) {
        if (task_.views == 0)
            embed_clean(task_.images[image], out);
        else
            embed_views(task_.images[image], out);
        if ((image + 1) % 1000 == 0)
            std::fprintf(stderr, "%s: embedded %zu of %zu\n", task_.name.c_str(), image + 1,
                         task_.images.size());
    }

 private:
    static Preprocessing preprocessing_of(const EmbedTask &task) {
        Preprocessing preprocessing = kShippedPreprocessing;
        if (task.squash) preprocessing.short_side = 0;
        return preprocessing;
    }

    void embed_clean(Bytes image, float *out) {
        check(libraries_.vision.write_input(image, kLimits, preprocessing_, input_.data()));
        embed_input(out);
    }

    void embed_views(Bytes image, float *out) {
        vision::Views *opened;
        check(libraries_.vision.open_views(image, kLimits, preprocessing_, kViewSeed, &opened));
        std::unique_ptr<vision::Views, decltype(vision::Api::close_views)> views(
            opened, libraries_.vision.close_views);
        for (int i = 0; i < task_.views; i++) {
            check(libraries_.vision.next_view(views.get(), input_.data()));
            embed_input(out + i * semantic::kShippedLength);
        }
    }

    void embed_input(float *out) {
        check(libraries_.semantic.embed(network_, input_.data(), 1, nullptr, out));
    }

    const EmbedTask &task_;
    const Preprocessing preprocessing_;
    const Libraries libraries_;
    const semantic::NetworkId network_;
    std::vector<float> input_;
};

std::vector<float> embed_all(const EmbedTask &task, const EmbeddingCache &cache) {
    size_t each = task.values_per_image(), values = task.images.size() * each;
    SharedMemory memory(values * sizeof(float));
    auto *embeddings = static_cast<float *>(memory.data());
    for_each_in_processes(task.images.size(), [&]() -> WorkOnItem {
        auto embedder = std::make_shared<Embedder>(task, cache);
        return [=](size_t image) { embedder->embed(image, embeddings + image * each); };
    });
    return {embeddings, embeddings + values};
}

}  // namespace

size_t EmbedTask::values_per_image() const {
    return static_cast<size_t>(std::max(views, 1)) * semantic::kShippedLength;
}

std::vector<float> cached_embeddings(const EmbedTask &task, const EmbeddingCache &cache) {
    std::string path = cache.folder + "/" + task.name + "-" + cache.network_sha256.substr(0, 16) + ".f32";
    std::vector<float> embeddings(task.images.size() * task.values_per_image());
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    size_t bytes = embeddings.size() * sizeof(float);
    if (file && static_cast<size_t>(file.tellg()) == bytes && file.seekg(0) &&
        file.read(reinterpret_cast<char *>(embeddings.data()), bytes)) {
        std::fprintf(stderr, "%s: embeddings from %s\n", task.name.c_str(), path.c_str());
        return embeddings;
    }
    embeddings = embed_all(task, cache);
    auto *raw = reinterpret_cast<const uint8_t *>(embeddings.data());
    write_file(path + ".new", {raw, raw + bytes});
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0) die("cannot write \"" + path + "\"");
    return embeddings;
}

}  // namespace imagehash::tools
