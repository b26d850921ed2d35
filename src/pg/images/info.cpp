// imagehash_info(): versions and backends, a row each; what it promises is said in sql/imagehash--X.Y.sql.
//
// Puts together what PostgreSQL, this module and the libraries know; must not find out anything by itself.
// What is missing is a WARNING and a row that says so, since a server where something is missing is the one
// that asks.
#include "hamming/kernels.h"
#include "pg/images/embedding.h"
#include "pg/value/methods.h"

extern "C" {
#include "utils/tuplestore.h"
}

#include "installed.h"
#include "pinned_models.h"

using namespace imagehash;

static void add_row(const ReturnSetInfo *result, const char *name, const char *value) {
    Datum values[] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
    bool nulls[2] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// Of what this binary was built with; they need not be there.
static void add_pinned_models(const ReturnSetInfo *result) {
    add_row(result, "network", IMAGEHASH_NETWORK_FILE);
    add_row(result, "network sha256", IMAGEHASH_NETWORK_SHA256);
    add_row(result, "hasher", IMAGEHASH_HASHER_FILE);
    add_row(result, "hasher sha256", IMAGEHASH_HASHER_SHA256);
    char method[pg::kMethodNameSize];
    pg::semantic_method_name(IMAGEHASH_HASHER_METHOD, method);
    add_row(result, "hasher method", method);
    add_row(result, "model directory", pg::model_directory());
}

static void add_facts(const ReturnSetInfo *result, const Fact *facts, int count) {
    for (int i = 0; i < count; i++) add_row(result, facts[i].name, facts[i].value);
}

static void add_vision(const ReturnSetInfo *result) {
    const vision::Api *library = pg::load_vision(WARNING);
    add_row(result, "vision library", library ? pg::vision_library_path() : "not loaded");
    if (!library) return;
    Fact facts[kMaxFacts];
    int count;
    pg::check_status(library->describe(facts, &count));
    add_facts(result, facts, count);
}

static void add_semantic(const ReturnSetInfo *result) {
    const semantic::Api *library = pg::load_semantic(WARNING);
    add_row(result, "semantic library", library ? pg::semantic_library_path() : "not loaded");
    if (!library || !pg::load_shipped(true, true, WARNING)) return;
    pg::use_session_threads();
    Fact facts[kMaxFacts];
    int count;
    pg::check_status(library->describe(pg::shipped_model()->network, facts, &count));
    add_row(result, "network length", psprintf("%d", pg::shipped_model()->length));
    add_row(result, "hasher bits", psprintf("%d", pg::shipped_hasher()->shape.bits));
    add_facts(result, facts, count);
}

IMAGEHASH_FUNCTION(imagehash_info) {
    InitMaterializedSRF(fcinfo, 0);
    const ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    add_row(result, "imagehash", IMAGEHASH_VERSION);
    add_row(result, "postgresql", GetConfigOption("server_version", false, false));
    add_row(result, "built for postgresql", PG_VERSION);
    add_row(result, "distance kernels", hamming::best_kernel().name);
    add_pinned_models(result);
    add_vision(result);
    add_semantic(result);
    return static_cast<Datum>(0);
}
