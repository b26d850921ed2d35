// Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/images/embedding.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "utils/memutils.h"
}

namespace imagehash::pg {

// A parallel plan has a process for each core already; threads of several of them spin against each other.
int threads_of_session() {
    return IsInParallelMode() || IsParallelWorker() ? 1 : image_settings().threads;
}

void use_session_threads() {
    check_status(semantic_library().set_threads(threads_of_session()));
}

// A forward pass leaves 10 to 20 MB of free memory in the heap. The next pass of a statement uses it again,
// but a session that waits for work would keep it for ever: so it is given back when the transaction is over.
// Where each transaction hashes one image, that costs it a tenth of a pass.
static bool must_trim = false;

static void trim_after_transaction(XactEvent event, void * /* unused */) {
    const bool is_over =
        event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE;
    if (!must_trim || !is_over) return;
    must_trim = false;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void trim_when_over() {
    static bool is_registered = false;
    must_trim = true;
    if (is_registered) return;
    RegisterXactCallback(trim_after_transaction, nullptr);
    is_registered = true;
}

static float *room_for_inputs(const LoadedModel *model, int count) {
    Size size = sizeof(float) * input_floats(model->preprocessing) * count;
    return static_cast<float *>(palloc_extended(size, MCXT_ALLOC_HUGE));
}

static void run_network(const LoadedModel *model, const float *inputs, int count, float *out) {
    trim_when_over();
    check_status(semantic_library().embed(model->network, inputs, count, stop_requested, out));
}

void embed_images(const LoadedModel *model, const Bytes *images, int count, float *out, Status *each) {
    const vision::Limits allowed = limits();
    const Size length = model->length;
    float *inputs = room_for_inputs(model, count);
    int places[semantic::kEmbeddingBatch];  // of the inputs, among the images
    int written = 0;
    Assert(count <= semantic::kEmbeddingBatch);
    for (int i = 0; i < count; i++) {
        float *input = inputs + written * input_floats(model->preprocessing);
        each[i] = vision_library().write_input(images[i], allowed, model->preprocessing, input);
        if (each[i].ok()) places[written++] = i;
    }
    float *embeddings = static_cast<float *>(palloc(sizeof(float) * length * Max(written, 1)));
    if (written > 0) run_network(model, inputs, written, embeddings);
    memset(out, 0, sizeof(float) * length * count);
    for (int i = 0; i < written; i++)
        memcpy(out + places[i] * length, embeddings + i * length, sizeof(float) * length);
    pfree(embeddings);
    pfree(inputs);
}

float *embed_image(const LoadedModel *model, const bytea *image, Status *decoded) {
    use_session_threads();
    float *embedding = static_cast<float *>(palloc(sizeof(float) * model->length));
    Bytes bytes = image_bytes(image);
    embed_images(model, &bytes, 1, embedding, decoded);
    return embedding;
}

namespace {

// Views of the library's, which go with a memory context at the latest.
struct OpenViews {
    MemoryContextCallback callback;
    vision::Views *views;
};

}  // namespace

static void close_views(void *argument) {
    auto *open = static_cast<OpenViews *>(argument);
    if (open->views) vision_library().close_views(open->views);
    open->views = nullptr;
}

static OpenViews *new_views() {
    auto *open = static_cast<OpenViews *>(palloc0(sizeof(OpenViews)));
    open->callback.func = close_views;
    open->callback.arg = open;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &open->callback);
    return open;
}

Status embed_views(const LoadedModel *model, Bytes image, uint64 seed, int views, float *out) {
    const vision::Api &library = vision_library();
    const vision::Limits allowed = limits();
    float *input = room_for_inputs(model, 1);
    Status status = library.write_input(image, allowed, model->preprocessing, input);
    if (!status.ok()) return status;
    run_network(model, input, 1, out);
    OpenViews *open = new_views();
    status = library.open_views(image, allowed, model->preprocessing, seed, &open->views);
    for (int i = 1; status.ok() && i <= views; i++) {
        CHECK_FOR_INTERRUPTS();
        status = library.next_view(open->views, input);
        if (status.ok()) run_network(model, input, 1, out + static_cast<Size>(i) * model->length);
    }
    close_views(open);
    pfree(input);
    return status;
}

float *floats_of_doubles(ArrayType *array, int length) {
    auto values = reinterpret_cast<const float8 *>(ARR_DATA_PTR(array));
    float *floats = static_cast<float *>(palloc(sizeof(float) * Max(length, 1)));
    for (int i = 0; i < length; i++) floats[i] = static_cast<float>(values[i]);
    return floats;
}

ImageHash *hash_of_embedding(const LoadedHasher *hasher, const float *embedding, int length) {
    ImageHash *hash = make_imagehash(hasher->shape.bits, hasher->method);
    check_status(semantic_library().hash_embedding(hasher->hasher, embedding, length, hash->code));
    return hash;
}

float *logits_of_embedding(const LoadedHasher *hasher, const float *embedding, int length) {
    auto logits = static_cast<float *>(palloc(sizeof(float) * hasher->shape.bits));
    check_status(semantic_library().embedding_logits(hasher->hasher, embedding, length, logits));
    return logits;
}

ArrayType *real_array(const float *values, int count) {
    auto elements = static_cast<Datum *>(palloc(sizeof(Datum) * count));
    for (int i = 0; i < count; i++) elements[i] = Float4GetDatum(values[i]);
    ArrayType *array = construct_array(elements, count, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT);
    pfree(elements);
    return array;
}

}  // namespace imagehash::pg
