// What libimagehash_semantic.so offers: a table of functions, in plain types.
//
// imagehash.so loads the library when an embedding is first to be made or hashed (src/pg/server/libraries.h).
// No function here throws, and none keeps a pointer it was given, but that a training reads its set until it
// is freed. Nothing inside the library includes this file but its implementation (api.cpp). Must not include
// PostgreSQL or LibTorch, so that both sides can read it.
#pragma once

#include "semantic/types.h"

namespace imagehash::semantic {

// Counted up whenever this table, or a type or limit in it, changes.
constexpr int kApiVersion = 2;

struct Training;  // a training under way

struct Api {
    int version;  // kApiVersion of the library; stays the first member for ever

    // Ends threads that libraries started by being loaded, and sets everything to one thread. First call of a
    // process; starts no thread.
    Status (*start)() noexcept;

    // Takes a TorchScript network, float[N,3,side,side] -> float[N,length], runs it once to learn its length,
    // and makes it ready: it chooses the fastest backend of this LibTorch and checks it against the plain
    // module. It runs on the calling thread, here and later, and cannot be stopped: only for a network that
    // is known to end. `note` receives a line for the log where a faster backend failed, else an empty
    // string. Starts no thread.
    // REQUIRES: fault_of(preprocessing) is none.
    Status (*load_network)(Bytes torchscript, const Preprocessing &preprocessing, NetworkId *id, int *length,
                           char note[256]) noexcept;

    // The same for a network that somebody registered, whose code may do anything, never end for example. It
    // is loaded and run on a thread of its own (network/supervised.h), which this starts; a copy of the bytes
    // is kept until it is loaded. ErrorKind::abandoned, of this or of a later call with its id, obliges the
    // caller to end the process.
    Status (*load_registered_network)(Bytes torchscript, const Preprocessing &preprocessing, StopFlag stop,
                                      NetworkId *id, int *length, char note[256]) noexcept;

    // Threads a forward pass may use, 1 or more; no more than there are cores are used. Worker threads are
    // started with every signal blocked.
    Status (*set_threads)(int threads) noexcept;

    // Embeddings of `count` inputs: inputs[count][side][side][3] -> out[count][length], not normalized, the
    // same values whatever else is in the call. The stop flag is looked at between passes, and while a
    // registered network runs. A caller that must stay interruptible passes kEmbeddingBatch at a time.
    Status (*embed)(NetworkId network, const float *inputs, int count, StopFlag stop, float *out) noexcept;

    // Takes a hasher as written by hasher/hasher.h.
    Status (*load_hasher)(Bytes file, HasherId *id, HasherShape *shape) noexcept;
    // Frees it; the id is given out again.
    void (*unload_hasher)(HasherId id) noexcept;

    // Semantic hash of an embedding of `length` values: bits / 8 bytes, first bit = highest bit of out[0].
    Status (*hash_embedding)(HasherId hasher, const float *embedding, size_t length, uint8_t *out) noexcept;

    // What its bits are the signs of: out[bits].
    Status (*embedding_logits)(HasherId hasher, const float *embedding, size_t length, float *out) noexcept;

    // The options of a training by name, and the names of its algorithms in the order of HasherAlgorithm,
    // which end with a null.
    const TrainOption *train_options;  // [kTrainOptionCount]
    const char *const *algorithm_names;

    // The options that were measured best (docs/explanation/hashers.md) for so many bits and such a set.
    TrainOptions (*default_options)(int bits, const LearnSet &set) noexcept;

    // What train_begin() checks of the options, for who wants to know before there is a row: ranges, and what
    // the options demand of each other, of the length of the embeddings and of the views a row (0: none).
    Status (*check_train_options)(const TrainOptions &options, int length, int views) noexcept;
    // And what they demand of the number of rows. More rows than are enough are enough.
    Status (*check_train_rows)(const TrainOptions &options, size_t rows) noexcept;

    // A training is driven epoch by epoch, so that the caller can report and look for interrupts between two
    // of them; within one the stop flag is polled at least every 200 ms of work (a batch, a block of rows,
    // one factorization), for embeddings of up to 2,048 values.
    //
    // Checks options and set (ErrorKind::bad_argument), and prepares: with start_from_itq that takes seconds.
    // *training is null unless ok. Everything random comes from the seed: the same bytes come out for the
    // same options and set, given the same LibTorch, BLAS, kind of CPU and number of threads. The set must
    // outlive the training.
    //
    // Memory beside the set: 24 bytes a weight (4 * hidden * (length + bits) of them at most), some ten
    // batches of embeddings, and where ITQ takes part 20 * length^2 bytes and 5 * bits bytes a row: for 1,280
    // values and 256 bits about 60 MB, and 33 MB and 1.3 KB a row for ITQ.
    Status (*train_begin)(const LearnSet &set, const TrainOptions &options, StopFlag stop,
                          Training **training) noexcept;
    // One epoch; *done after the last, or when patience ended. ITQ and random projection are done after one
    // call.
    Status (*train_epoch)(Training *training, StopFlag stop, TrainProgress *progress, bool *done) noexcept;
    // The best epoch's hasher as a file of hasher/hasher.h, which the training owns. After train_epoch() said
    // done.
    Status (*train_result)(Training *training, Bytes *file) noexcept;
    void (*train_free)(Training *training) noexcept;

    // Lengths must be the hasher's. Rows without a label are relevant to nothing. Memory beside the sets: the
    // codes, and 32 bytes a row of the collection for one query's rankings and 64 for the cosines.
    Status (*evaluate_hasher)(HasherId hasher, const LearnSet &queries, const LearnSet &collection,
                              const EvaluateOptions &options, StopFlag stop, Evaluation *out) noexcept;

    // Version of LibTorch, and how the network runs: facts[0] to facts[*count - 1].
    Status (*describe)(NetworkId network, Fact facts[kMaxFacts], int *count) noexcept;
};

}  // namespace imagehash::semantic

extern "C" __attribute__((visibility("default"))) const imagehash::semantic::Api *imagehash_semantic_api();
