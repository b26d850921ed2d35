// The table of options, and what they demand of each other, of the embeddings and of the rows. Must not throw
// anything but Error(bad_argument): its texts reach the user.
#include "semantic/train/train_options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "base/status.h"

namespace imagehash::semantic {

const char *const kHasherAlgorithmNames[] = {"auto", "autoencoder", "itq", "random", nullptr};

using O = TrainOptions;

// Limits that are not obvious. flip: of a code of which half of the bits are turned over nothing is left.
// dropout: the inputs that are kept are scaled up by 20 at its end. temperature, learning_rate: below, the
// loss leaves the range of a float, and nothing changes.
const TrainOption kTrainOptions[kTrainOptionCount] = {
    {"algorithm", &O::algorithm, 0, 0, false, false, "auto",
     "auto: the autoencoder, or ITQ where that ranks the rows held out clearly better; with labels, or "
     "without rows held out, always the autoencoder. itq and random: a linear hasher, to which the options "
     "below do not matter"},
    {"epochs", &O::epochs, 1, 10000, false, false, "40", "passes over the rows"},
    {"batch_size", &O::batch, 2, 4096, false, false, "half of the rows that are trained on, 2 to 256",
     "rows a step; no more than are trained on"},
    {"hidden_units", &O::hidden, 1, 4096, false, false, "512",
     "units between the embedding and the code, and again between the code and the rebuilt embedding"},
    {"learning_rate", &O::learning_rate, 1e-9, 1, false, false, "0.003", "the top of the one-cycle schedule"},
    {"start_from_itq", &O::start_from_itq, 0, 0, false, false, "false",
     "the encoder begins as ITQ does; needs hidden_units of at least 2 * bits, and no more bits than the "
     "embedding has values"},
    {"dropout", &O::dropout, 0, 0.95, false, false, "0.3",
     "share of the inputs that are set to zero in training"},
    {"bit_flip", &O::flip, 0, 0.5, false, true, "0",
     "share of the bits of the code that are turned over in training before it is decoded"},
    {"reconstruction_weight", &O::reconstruction_weight, 0, 1000, false, false, "1",
     "weight in the loss of the error of the rebuilt embedding"},
    {"commitment_weight", &O::commitment_weight, 0, 1000, false, false, "0.1",
     "weight of the term that keeps the values before the sign near -1 and 1"},
    {"contrastive_weight", &O::contrastive_weight, 0, 1000, false, false, "1 with views, 0.5 without",
     "weight of the term that brings two passes of a row together: two views, or two draws of dropout"},
    {"temperature", &O::temperature, 0.01, 100, false, false, "0.3",
     "of the contrastive term: the lower, the more only the nearest strangers count"},
    {"label_weight", &O::label_weight, 0, 1000, false, false, "1 with labels, 0 without",
     "weight of the term that tells the labels from the code; 0: labels are not used"},
    {"validation_fraction", &O::validation_share, 0, 0.5, false, false, "0.1; 0 below 200 rows",
     "share of the rows, at most 1000 of them, that are held out to choose the epoch and the algorithm; 0: "
     "none, and the last epoch is kept"},
    {"patience", &O::patience, 0, 10000, false, false, "0",
     "epochs without a better validation before the training ends; 0: it never ends early"},
};

namespace {

[[noreturn]] void refuse(const std::string &message, const std::string &hint = "") {
    throw Error(ErrorKind::bad_argument, message, hint);
}

std::string number_text(double number) {
    char text[32];
    snprintf(text, sizeof(text), "%.15g", number);
    return text;
}

void check_number(const TrainOption &option, double value) {
    bool in_range = option.low_is_out ? value > option.low : value >= option.low;
    in_range = in_range && (option.high_is_out ? value < option.high : value <= option.high);
    if (!in_range)
        refuse(std::string(option.name) + " must be " + (option.low_is_out ? "above " : "from ") +
               number_text(option.low) + (option.high_is_out ? " to below " : " to ") +
               number_text(option.high));
}

void check_ranges(const TrainOptions &o) {
    for (const TrainOption &option : kTrainOptions) {
        if (auto number = std::get_if<int TrainOptions::*>(&option.member)) check_number(option, o.**number);
        if (auto number = std::get_if<double TrainOptions::*>(&option.member))
            check_number(option, o.**number);
    }
    // No users' options: bits are an argument, and only the tools have a classifier.
    check_number({"bits", &O::bits, 8, 1024, false, false, "", ""}, o.bits);
    if (o.bits % 8 != 0) refuse("bits must be a multiple of 8");
    check_number({"kl_weight", &O::kl_weight, 0, 1000, false, false, "", ""}, o.kl_weight);
}

void check_length(const char *what, const TrainOptions &o, int length) {
    if (o.bits > length)
        refuse(std::string(what) + " makes no more bits than the embedding has values: " +
               std::to_string(o.bits) + " are asked for, it has " + std::to_string(length));
    if (length > kMaxItqLength)
        refuse(std::string(what) + " takes embeddings of at most " + std::to_string(kMaxItqLength) +
               " values, these have " + std::to_string(length));
}

}  // namespace

void check_options(const TrainOptions &o, int length, int views) {
    check_ranges(o);
    if (o.algorithm == HasherAlgorithm::itq) check_length("ITQ", o, length);
    if (!trains_autoencoder(o.algorithm)) return;
    if (o.start_from_itq) {
        if (o.hidden < 2 * o.bits)
            refuse("a start from ITQ needs hidden_units of at least " + std::to_string(2 * o.bits) +
                   ", twice the bits, not " + std::to_string(o.hidden));
        check_length("a start from ITQ", o, length);
    }
    if (o.reconstruction_weight + o.kl_weight + o.contrastive_weight + o.label_weight == 0)
        refuse("the loss has no term to learn from",
               "Set reconstruction_weight or contrastive_weight above 0, or with labels label_weight");
    if (o.contrastive_weight > 0 && o.dropout == 0 && views == 0)
        refuse("the contrastive term needs dropout or views, or both passes are the same",
               "Set dropout above 0 or contrastive_weight to 0");
}

size_t held_out_rows(const TrainOptions &options, size_t rows) {
    if (options.validation_share == 0) return 0;
    return std::min(kMaxHeldOut, static_cast<size_t>(std::llround(options.validation_share * rows)));
}

void check_rows(const TrainOptions &o, size_t rows) {
    if (!trains_autoencoder(o.algorithm)) return;
    size_t held_out = held_out_rows(o, rows), trained_on = rows - held_out;
    std::string split = std::to_string(rows) + ", of which " + std::to_string(held_out) + " are held out";
    if (o.validation_share > 0 && held_out < 2)
        refuse("too few rows for a validation: " + split, "Set validation to 0, or train on more rows");
    if (trained_on < static_cast<size_t>(o.batch))
        refuse("too few rows for batches of " + std::to_string(o.batch) + ": " + split,
               "Set batch to at most " + std::to_string(trained_on));
}

}  // namespace imagehash::semantic
