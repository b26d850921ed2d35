// Rows for training or measuring a hasher: streams a query of the caller's into memory that is bounded.
//
// The query runs with the caller's rights, read-only, through a cursor. Its first column is an embedding or
// an image, which is embedded as it comes; then a label; then, where asked for, whether the row is a query.
// Past a number of rows a reservoir keeps a sample that is the same for the same seed and order of rows (J.
// Vitter, "Random sampling with a reservoir", 1985, algorithm R). Must not know what the rows are for.
#pragma once

#include "pg/catalog/model_files.h"

namespace imagehash::pg {

// What is known of a source before its first row is read.
struct SourceOutline {
    bool images, has_label, has_is_query;
    int length;         // of an embedding; 0: of as many values as the first
    int views_per_row;  // 0 where the first column is an embedding
    int64 rows;         // no more are kept
};

struct SourceRules {
    bool is_query_column;  // a third column is taken: boolean
    int length;            // values an embedding must have; 0: as many as the first row's
    int views;             // augmented copies a picture
    bool skip_bad;         // images that cannot be embedded are counted instead of an error
    int64 max_rows;        // more are sampled
    bool max_rows_is_set;  // by the user: an error where so many do not fit into memory
    int64 memory;          // kB of embeddings and views
    uint64 seed;
    const LoadedModel *(*model)(const void *argument);  // loads it; called when the first column is an image
    const void *model_argument;
    void (*check)(const SourceOutline *outline, void *argument);  // raises what need not wait for the rows
    void *check_argument;
};

struct SourceRows {
    int64 rows;
    int length;
    int views_per_row;  // 0 where the first column is an embedding
    float *embeddings;  // [rows][length]
    float *views;       // [rows][views_per_row][length]; null without
    int32 *labels;      // [rows], 0 to classes - 1, -1: none; null where there are less than two
    int classes;        // different labels; 0 or at least 2
    bool *is_query;     // [rows]; null where the query has no such column
    bool images;        // the first column was an image
    int64 seen;         // rows of which these are all, or a sample
    int64 null_rows;    // left out: first column null
    int64 bad_rows;     // left out: images that could not be embedded
    int64 memory;       // bytes of embeddings and views
};

// Palloc'd in the current context. Images are counted before the first is embedded, where that runs no
// volatile function twice, so that what is told on the way has an end. Labels that tell nothing, fewer than
// two, are left out with a WARNING. Errors name the row, counted from 1: 22023 for a query that is not one
// SELECT of such columns, for rows that do not fit each other, for values that are not finite; those of
// images; and those of the query itself.
void read_source(const char *query, const SourceRules *rules, SourceRows *rows);

// Notices for the user: how many rows were read, of which sample, and what was left out.
void tell_source(const SourceRows *rows);

}  // namespace imagehash::pg
