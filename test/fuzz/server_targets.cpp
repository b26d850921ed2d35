// Fuzzes what of imagehash.so reads foreign bytes, inside a server: the type's input functions, and index
// pages.
//
// Compiled into imagehash.so by a build with IMAGEHASH_FUZZ only (CMakeLists.txt here), never into one that
// is installed. SELECT imagehash_fuzz('type', '{-max_total_time=900,corpus}') hands the backend over to
// libFuzzer, which calls it with one input after the other and ends it with its report. ERRORs are answers; a
// crash, a wrong SQLSTATE or an input that takes longer than -timeout is a finding, and libFuzzer writes it
// down.
#include "pg/value/imagehash.h"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));

Datum imagehash_in(PG_FUNCTION_ARGS);
Datum imagehash_out(PG_FUNCTION_ARGS);
Datum imagehash_recv(PG_FUNCTION_ARGS);
Datum imagehash_send(PG_FUNCTION_ARGS);
Datum imagehash_typmod_in(PG_FUNCTION_ARGS);
Datum imagehash_from_bytea(PG_FUNCTION_ARGS);
Datum imagehash_cmp(PG_FUNCTION_ARGS);
}

using namespace imagehash::pg;

namespace {

// A finding: libFuzzer sees SIGABRT and keeps the input.
[[noreturn]] void finding(const char *what, const char *detail) {
    fprintf(stderr, "finding: %s: %s\n", what, detail);
    abort();
}

MemoryContext input_context;

// Of the table whose index is fuzzed, as it stands in messages: "/16480".
char table_file[16];

// Takes the error that was thrown; a finding unless its SQLSTATE is one of these.
void accept_error(const int *allowed, int count) {
    MemoryContextSwitchTo(input_context);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    // A damaged TID points past the end of the table, and PostgreSQL says so in its own ways, as for a btree.
    if (table_file[0] != '\0' && strstr(error->message, table_file) != nullptr) return;
    for (int i = 0; i < count; i++)
        if (error->sqlerrcode == allowed[i]) return;
    finding(unpack_sql_state(error->sqlerrcode), error->message);
}

// --- the type --------------------------------------------------------------------------------------------

void same_hash(Datum a, Datum b, const char *what) {
    if (DatumGetInt32(DirectFunctionCall2(imagehash_cmp, a, b)) != 0) finding("round trip", what);
}

// Whatever came in goes out, as text and as binary, and comes back.
void round_trip(Datum hash) {
    Datum text = DirectFunctionCall1(imagehash_out, hash);
    same_hash(DirectFunctionCall3(imagehash_in, text, InvalidOid, Int32GetDatum(-1)), hash, "text");
    bytea *binary = DatumGetByteaP(DirectFunctionCall1(imagehash_send, hash));
    StringInfoData message = {VARDATA(binary), static_cast<int>(VARSIZE(binary) - VARHDRSZ), 0, 0};
    message.maxlen = message.len + 1;
    Datum back =
        DirectFunctionCall3(imagehash_recv, PointerGetDatum(&message), InvalidOid, Int32GetDatum(-1));
    same_hash(back, hash, "binary");
}

void read_type(const uint8_t *data, size_t size) {
    int kind = data[0] % 4;
    // Every eighth input is for a column of fixed length.
    Datum typmod = Int32GetDatum(data[0] >= 224 ? 64 : -1);
    char *text = pnstrdup(reinterpret_cast<const char *>(data) + 1, size - 1);
    int length = static_cast<int>(size) - 1;
    if (kind == 0) {
        // The server checks the encoding of what clients send.
        if (!pg_verifymbstr(text, strlen(text), true)) return;
        round_trip(DirectFunctionCall3(imagehash_in, CStringGetDatum(text), InvalidOid, typmod));
    } else if (kind == 1) {
        StringInfoData message = {text, length, length + 1, 0};
        round_trip(DirectFunctionCall3(imagehash_recv, PointerGetDatum(&message), InvalidOid, typmod));
    } else if (kind == 2) {
        round_trip(DirectFunctionCall1(imagehash_from_bytea,
                                       PointerGetDatum(cstring_to_text_with_len(text, length))));
    } else {
        if (!pg_verifymbstr(text, strlen(text), true)) return;
        Datum modifier = CStringGetDatum(text);
        ArrayType *array = construct_array(&modifier, 1, CSTRINGOID, -2, false, TYPALIGN_CHAR);
        DirectFunctionCall1(imagehash_typmod_in, PointerGetDatum(array));
    }
}

int fuzz_type(const uint8_t *data, size_t size) {
    static const int allowed[] = {ERRCODE_INVALID_TEXT_REPRESENTATION, ERRCODE_INVALID_BINARY_REPRESENTATION,
                                  ERRCODE_PROGRAM_LIMIT_EXCEEDED,      ERRCODE_STRING_DATA_LENGTH_MISMATCH,
                                  ERRCODE_INVALID_PARAMETER_VALUE,     ERRCODE_PROTOCOL_VIOLATION,
                                  ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE};
    if (size == 0) return 0;
    MemoryContext before = MemoryContextSwitchTo(input_context);
    PG_TRY();
    { read_type(data, size); }
    PG_CATCH();
    { accept_error(allowed, lengthof(allowed)); }
    PG_END_TRY();
    MemoryContextSwitchTo(before);
    MemoryContextReset(input_context);
    return 0;
}

// --- index pages -----------------------------------------------------------------------------------------

const char *const kIndexName = "fuzzed_h";
Oid index_oid;
BlockNumber index_blocks;
char *sound_pages;

// What reads an index; run.sh has made the table.
const char *const kStatements[] = {
    "SELECT h <~> '8f14e45fceea167a' FROM fuzzed ORDER BY h <~> '8f14e45fceea167a' LIMIT 20",
    "SELECT count(*) FROM fuzzed WHERE hamming_within(h, '8f14e45fceea167a', 9)",
    "SELECT count(*) FROM fuzzed WHERE h = '8f14e45fceea167a'",
    "SELECT count(*) FROM fuzzed WHERE h IS NULL",
    "SELECT * FROM imagehash_index_stats('fuzzed_h')",
    "SELECT imagehash_index_check('fuzzed_h', false)",
    "INSERT INTO fuzzed VALUES ('8f14e45fceea167a')",
    "SELECT count(*) FROM (SELECT h <~> '00' FROM fuzzed ORDER BY h <~> '0000000000000000' LIMIT 5000) s",
};
SPIPlanPtr plans[lengthof(kStatements)];

// Copies pages between the buffers and us; nothing is marked dirty, so the file stays sound.
void copy_page(Relation index, BlockNumber block, char *page, bool to_buffer) {
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    memcpy(to_buffer ? BufferGetPage(buffer) : page, to_buffer ? page : BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
}

void open_fuzzed() {
    index_oid = RelnameGetRelid(kIndexName);
    Relation index = relation_open(index_oid, AccessShareLock);
    index_blocks = RelationGetNumberOfBlocks(index);
    sound_pages = static_cast<char *>(
        MemoryContextAllocHuge(TopMemoryContext, static_cast<Size>(index_blocks) * BLCKSZ));
    for (BlockNumber block = 0; block < index_blocks; block++)
        copy_page(index, block, sound_pages + static_cast<Size>(block) * BLCKSZ, false);
    Relation table = relation_open(index->rd_index->indrelid, AccessShareLock);
    snprintf(table_file, sizeof(table_file), "/%u", table->rd_rel->relfilenode);
    relation_close(table, NoLock);
    relation_close(index, NoLock);
    for (size_t i = 0; i < lengthof(kStatements); i++) {
        plans[i] = SPI_prepare(kStatements[i], 0, nullptr);
        SPI_keepplan(plans[i]);
    }
}

// An input is a statement, then changes: two bytes for the block, two for the offset, one for the length (1
// to 16), and what is written there.
void damage(const uint8_t *data, size_t size) {
    Relation index = relation_open(index_oid, AccessShareLock);
    while (size > 5) {
        BlockNumber block = (data[0] << 8 | data[1]) % index_blocks;
        int offset = (data[2] << 8 | data[3]) % BLCKSZ, length = data[4] % 16 + 1;
        data += 5;
        size -= 5;
        length = Min(Min(length, BLCKSZ - offset), static_cast<int>(size));
        char page[BLCKSZ];
        copy_page(index, block, page, false);
        memcpy(page + offset, data, length);
        copy_page(index, block, page, true);
        data += length;
        size -= length;
    }
    relation_close(index, NoLock);
}

void restore_pages() {
    Relation index = relation_open(index_oid, AccessShareLock);
    for (BlockNumber block = 0; block < index_blocks; block++)
        copy_page(index, block, sound_pages + static_cast<Size>(block) * BLCKSZ, true);
    relation_close(index, NoLock);
}

int fuzz_pages(const uint8_t *data, size_t size) {
    static const int allowed[] = {ERRCODE_INDEX_CORRUPTED, ERRCODE_FEATURE_NOT_SUPPORTED};
    if (size == 0) return 0;
    MemoryContext before = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(input_context);
    PG_TRY();
    {
        damage(data + 1, size - 1);
        SPI_execute_plan(plans[data[0] % lengthof(kStatements)], nullptr, nullptr, false, 0);
    }
    PG_CATCH();
    { accept_error(allowed, lengthof(allowed)); }
    PG_END_TRY();
    // A row that was inserted goes as well; the pages it changed are put back.
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(before);
    CurrentResourceOwner = owner;
    restore_pages();
    MemoryContextReset(input_context);
    return 0;
}

}  // namespace

// --- the driver ------------------------------------------------------------------------------------------

IMAGEHASH_FUNCTION(imagehash_fuzz) {
    char *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Datum *options;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &options, nullptr, &count);
    int argc = count + 1;
    char **argv = static_cast<char **>(MemoryContextAlloc(TopMemoryContext, (argc + 1) * sizeof(char *)));
    argv[0] = target;
    for (int i = 0; i < count; i++) argv[i + 1] = TextDatumGetCString(options[i]);
    argv[argc] = nullptr;
    input_context = AllocSetContextCreate(TopMemoryContext, "one input", ALLOCSET_DEFAULT_SIZES);
    bool pages = strcmp(target, "pages") == 0;
    SPI_connect();
    if (pages) open_fuzzed();
    // A backend's own handlers stay for what PostgreSQL needs; libFuzzer has those of crashes and of its
    // clock.
    LLVMFuzzerRunDriver(&argc, &argv, pages ? fuzz_pages : fuzz_type);
    SPI_finish();
    PG_RETURN_VOID();
}
