// imagehash_info(): versions and ways, a row each; what it promises is said in sql/imagehash--X.Y.sql.
//
// Puts together what PostgreSQL, imagehash.so and src/vision know; must not find out anything by itself.
#include "pg/value/methods.h"
#include "pg/images/arguments.h"

extern "C" {
#include "utils/tuplestore.h"
}

#include "pinned_models.h"

using namespace imagehash;

static void add_row(const ReturnSetInfo *result, const char *name, const char *value) {
    Datum values[] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
    bool nulls[2] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static const char *kernel_name() {
    using Function = const char *(*)();
    auto function = reinterpret_cast<Function>(
        load_external_function("$libdir/imagehash", "imagehash_kernel_name", true, nullptr));
    return function();
}

static void add_models(const ReturnSetInfo *result) {
    const pg::LoadedHasher *hasher = pg::shipped_hasher();
    add_row(result, "network", IMAGEHASH_NETWORK_FILE);
    add_row(result, "network sha256", IMAGEHASH_NETWORK_SHA256);
    add_row(result, "network length", psprintf("%d", pg::shipped_model()->length));
    add_row(result, "hasher", IMAGEHASH_HASHER_FILE);
    add_row(result, "hasher sha256", IMAGEHASH_HASHER_SHA256);
    add_row(result, "hasher bits", psprintf("%d", hasher->shape.bits));
    char method[pg::kMethodNameSize];
    pg::semantic_method_name(hasher->method, method);
    add_row(result, "hasher method", method);
}

IMAGEHASH_FUNCTION(imagehash_info) {
    InitMaterializedSRF(fcinfo, 0);
    const ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    pg::load_shipped(true, true, ERROR);
    pg::check_status(vision::set_threads(pg::threads_of_session()));
    vision::Fact facts[vision::kMaxFacts];
    int count;
    pg::check_status(vision::describe(pg::shipped_model()->network, facts, &count));

    add_row(result, "imagehash", IMAGEHASH_VERSION);
    add_row(result, "postgresql", GetConfigOption("server_version", false, false));
    add_row(result, "built for postgresql", PG_VERSION);
    add_row(result, "distance kernels", kernel_name());
    add_models(result);
    for (int i = 0; i < count; i++) add_row(result, facts[i].name, facts[i].value);
    return static_cast<Datum>(0);
}
