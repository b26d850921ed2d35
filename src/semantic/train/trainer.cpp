// The loop behind Trainer: batches, the terms of the loss, the choice of the best epoch, and the export of a
// hasher.
//
// After training the batch norm's statistics are taken over all rows, and folded into the last layer together
// with the centering of x. Must not copy the set, and must take every random number from its own generators.
#include "semantic/train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/status.h"
#include "semantic/train/autoencoder.h"
#include "semantic/train/itq.h"
#include "semantic/train/tensors.h"
#include "semantic/train/train_options.h"
#include "semantic/train/validation.h"

namespace imagehash::semantic {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kGradientNorm = 5.0;  // a rare bad batch must not undo an epoch
constexpr int64_t kSampleRows = 4096;  // of the training rows, for what validation needs of them
constexpr double kLabelScale = 4;
// ITQ has to be clearly better: its mistakes cost more (docs/explanation/hashers.md).
constexpr double kItqMargin = 0.02;

[[noreturn]] void refuse(const std::string &message) {
    throw Error(ErrorKind::bad_argument, message);
}

void check_set(const TrainOptions &o, const Classifier *classifier, const LearnSet &set) {
    if (o.kl_weight > 0) {
        if (!classifier) refuse("the kl term needs a classifier");
        if (classifier->input != set.length) refuse("the classifier does not fit the embeddings");
    }
    if (set.views_per_row < 0 || (set.views_per_row > 0) != (set.views != nullptr))
        refuse("the number of views is wrong");
    bool any = false;
    for (size_t i = 0; set.labels && i < set.rows; i++) {
        if (set.labels[i] > kMaxLabel || set.labels[i] < -1) refuse("a label is out of range");
        any |= set.labels[i] >= 0;
    }
    if (o.label_weight > 0 && !any) refuse("the label term needs labels");
}

// Warm up for 30 % of the steps, then down to almost nothing: L. Smith, N. Topin, "Super-convergence", 2018.
double one_cycle(double top, int64_t step, int64_t steps) {
    double warm = 0.3 * steps;
    double from = step < warm ? top / 25 : top;
    double to = step < warm ? top : top / 1e4;
    double share = step < warm ? step / warm : (step - warm) / (steps - warm);
    return to + (from - to) * 0.5 * (1 + std::cos(kPi * share));
}

torch::Tensor signs(const torch::Tensor &h) {
    return torch::where(h > 0, 1.0f, -1.0f);
}

}  // namespace

class Trainer::Loop {
 public:
    // REQUIRES: options and set passed check_options() and check_set().
    Loop(const LearnSet &set, const Classifier *classifier, const TrainOptions &options, StopFlag stop);
    bool epoch(TrainProgress &progress, StopFlag stop);
    Hasher finish(StopFlag stop);

 private:
    using CodeFunction = std::function<torch::Tensor(const torch::Tensor &)>;  // prepared x to -1 and 1

    // What a batch norm needs: over all rows when a hasher is written, over a sample for a validation.
    struct Statistics {
        torch::Tensor mean, deviation;  // double[bits]
    };

    void hold_out(StopFlag stop);
    bool try_itq(TrainProgress &progress, StopFlag stop);
    void remember_if_best(TrainProgress &progress, double validation);
    void start_from_itq(StopFlag stop);
    Linear fold_classifier(const Classifier &c) const;
    torch::Tensor inputs(const torch::Tensor &rows, const torch::Tensor &versions) const;
    torch::Tensor apply_dropout(const torch::Tensor &x);
    torch::Tensor flip_bits(const torch::Tensor &code);
    torch::Tensor loss(const torch::Tensor &rows, TrainProgress &sums);
    torch::Tensor kl_term(const torch::Tensor &x, const torch::Tensor &rebuilt) const;
    torch::Tensor contrastive_term(const torch::Tensor &a, const torch::Tensor &b) const;
    torch::Tensor label_term(const torch::Tensor &code, const torch::Tensor &labels) const;
    Statistics statistics(const torch::Tensor &rows, StopFlag stop) const;
    torch::Tensor codes(const torch::Tensor &x, const Statistics &s) const;
    double validate(const CodeFunction &codes, StopFlag stop) const;
    void keep_parameters();

    const LearnSet set_;
    const TrainOptions options_;
    torch::Generator generator_;
    Embeddings embeddings_;
    Autoencoder autoencoder_;
    Linear label_layer_, classifier_;
    torch::Tensor training_rows_, held_out_rows_;  // row numbers
    torch::Tensor sample_rows_;                    // of the training rows, not more than kSampleRows
    torch::Tensor surroundings_;                   // of the held-out rows: what validation looks for
    torch::Tensor itq_directions_;                 // undefined until ITQ was tried
    std::unique_ptr<torch::optim::Adam> optimizer_;
    std::vector<torch::Tensor> best_parameters_;  // at the best epoch; empty: those the autoencoder has
    int epoch_ = 0, best_epoch_ = 0;              // 0: ITQ
    double best_validation_ = -1;
};

Trainer::Loop::Loop(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                    StopFlag stop)
    : set_(set),
      options_(options),
      generator_(make_generator(options.seed)),
      embeddings_(embeddings_of(set), stop),
      autoencoder_(set.length, options, generator_) {
    torch::AutoGradMode with_gradients(true);  // the caller may have switched them off for inference
    check_rows(options, set.rows);
    if (options.kl_weight > 0) classifier_ = fold_classifier(*classifier);
    if (options.start_from_itq) start_from_itq(stop);
    std::vector<torch::Tensor> parameters = autoencoder_.parameters();
    if (options.label_weight > 0) {
        int classes = 1 + *std::max_element(set.labels, set.labels + set.rows);
        label_layer_ = make_linear(options.bits, classes, generator_);
        parameters.push_back(label_layer_.weight);
        parameters.push_back(label_layer_.bias);
    }
    hold_out(stop);
    optimizer_ =
        std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(options.learning_rate));
}

void Trainer::Loop::hold_out(StopFlag stop) {
    training_rows_ = torch::arange(embeddings_.count());
    const int64_t count = static_cast<int64_t>(held_out_rows(options_, set_.rows));
    if (count == 0) return;
    auto order = torch::randperm(embeddings_.count(), generator_, torch::kLong);
    held_out_rows_ = std::get<0>(order.narrow(0, 0, count).sort());
    training_rows_ = std::get<0>(order.narrow(0, count, embeddings_.count() - count).sort());
    sample_rows_ = std::get<0>(order.narrow(0, count, std::min(kSampleRows, training_rows_.size(0))).sort());
    surroundings_ = surroundings_of(embeddings_.at(held_out_rows_), embeddings_.at(sample_rows_), stop);
}

// Before the first epoch, where the algorithm is left open and the held-out rows can tell. ITQ cannot use
// labels. True where it was tried. Has random numbers of its own: the autoencoder is the same without it.
bool Trainer::Loop::try_itq(TrainProgress &progress, StopFlag stop) {
    bool is_open = options_.algorithm == HasherAlgorithm::automatic;
    bool is_first = epoch_ == 0 && !itq_directions_.defined();
    bool can_tell = held_out_rows_.defined() && options_.label_weight <= 0;
    bool itq_can = options_.bits <= set_.length && set_.length <= kMaxItqLength;
    if (!is_open || !is_first || !can_tell || !itq_can) return false;
    torch::NoGradGuard no_grad;
    auto own_generator = make_generator(options_.seed);
    itq_directions_ = itq_projection(embeddings_, training_rows_, options_.bits, own_generator, stop);
    auto directions = itq_directions_.to(torch::kFloat);
    progress = TrainProgress{};
    progress.epochs = options_.epochs;
    auto codes_of = [&](const torch::Tensor &x) { return signs(torch::mm(x, directions)); };
    remember_if_best(progress, validate(codes_of, stop));
    best_validation_ -= kItqMargin;
    return true;
}

// The classifier as a layer on prepared x: unit length is taken back to the embeddings' mean norm.
Linear Trainer::Loop::fold_classifier(const Classifier &c) const {
    auto weight = copy_floats(c.weight, {c.classes, c.input}) * embeddings_.mean_norm;
    auto bias = copy_floats(c.bias, {c.classes}) + torch::mv(weight, embeddings_.mean);
    return {weight * embeddings_.scale, bias};
}

void Trainer::Loop::start_from_itq(StopFlag stop) {
    torch::NoGradGuard no_grad;
    const int64_t bits = options_.bits, rows = embeddings_.count();
    auto directions = itq_projection(embeddings_, torch::arange(rows), bits, generator_, stop);
    auto projection = directions.to(torch::kFloat);
    auto gram = torch::zeros({bits, bits}), target = torch::zeros({bits, embeddings_.length()});
    auto square = torch::zeros({bits}, torch::kDouble);
    each_block(rows, stop, [&](int64_t begin, int64_t count) {
        auto x = embeddings_.range(begin, count);
        auto outputs = torch::mm(x, projection), code = signs(outputs);
        square += outputs.square().sum(0, false, torch::kDouble);
        gram += torch::mm(code.t(), code);
        target += torch::mm(code.t(), x);
    });
    // Least squares, a little damped; the codes of ITQ are nearly uncorrelated.
    auto reconstruction = torch::linalg_solve(gram + torch::eye(bits) * (1e-3 * rows), target);
    auto deviation = torch::sqrt(square / rows).to(torch::kFloat);
    autoencoder_.start(projection / deviation.clamp_min(1e-6), reconstruction);
}

// Prepared inputs of the rows. A row's version 0 is its own embedding, version 1 its first view, and so on.
torch::Tensor Trainer::Loop::inputs(const torch::Tensor &rows, const torch::Tensor &versions) const {
    auto raw = torch::empty({rows.size(0), set_.length});
    const int64_t *row = rows.data_ptr<int64_t>(), *version = versions.data_ptr<int64_t>();
    for (int64_t i = 0; i < rows.size(0); i++) {
        size_t at = static_cast<size_t>(row[i]), bytes = sizeof(float) * set_.length;
        const float *from = version[i] == 0
                                ? set_.embeddings + at * set_.length
                                : set_.views + (at * set_.views_per_row + version[i] - 1) * set_.length;
        std::memcpy(raw.data_ptr<float>() + i * set_.length, from, bytes);
    }
    return embeddings_.prepare(raw);
}

torch::Tensor Trainer::Loop::apply_dropout(const torch::Tensor &x) {
    if (options_.dropout == 0) return x;
    double keep = 1 - options_.dropout;
    return x * torch::empty_like(x).bernoulli_(keep, generator_) / keep;
}

// Noise on the code makes the decoder rely on many bits at once: what matters most in an embedding is then
// spread over more of them, and weighs more in the Hamming distance.
torch::Tensor Trainer::Loop::flip_bits(const torch::Tensor &code) {
    if (options_.flip == 0) return code;
    auto flipped = torch::empty_like(code).bernoulli_(options_.flip, generator_);
    return code * (1 - 2 * flipped);
}

torch::Tensor Trainer::Loop::kl_term(const torch::Tensor &x, const torch::Tensor &rebuilt) const {
    auto target = torch::log_softmax(classifier_(x), 1);
    auto answer = torch::log_softmax(classifier_(rebuilt), 1);
    return (target.exp() * (target - answer)).sum(1).mean();
}

// InfoNCE, both ways: a row's other pass is to be nearer than any other row of the batch.
torch::Tensor Trainer::Loop::contrastive_term(const torch::Tensor &a, const torch::Tensor &b) const {
    auto similar = torch::mm(a, b.t()) / (options_.bits * options_.temperature);
    return -0.5 * (torch::log_softmax(similar, 1).diagonal().mean() +
                   torch::log_softmax(similar, 0).diagonal().mean());
}

torch::Tensor Trainer::Loop::label_term(const torch::Tensor &code, const torch::Tensor &labels) const {
    auto answer = label_layer_(code * (kLabelScale / std::sqrt(options_.bits)));
    auto known = (labels >= 0).to(torch::kFloat);
    auto right = torch::log_softmax(answer, 1).gather(1, labels.clamp_min(0).unsqueeze(1)).squeeze(1);
    return -(right * known).sum() / known.sum().clamp_min(1);
}

torch::Tensor Trainer::Loop::loss(const torch::Tensor &rows, TrainProgress &sums) {
    const TrainOptions &o = options_;
    const int64_t n = rows.size(0), versions = set_.views_per_row + 1;
    const bool has_views = versions > 1, two_passes = o.contrastive_weight > 0;
    auto first = torch::zeros({n}, torch::kLong), second = first;
    if (has_views) {
        first = torch::randint(versions, {n}, generator_, torch::kLong);
        auto others = torch::randint(versions - 1, {n}, generator_, torch::kLong);
        second = (first + 1 + others).remainder(versions);
    }
    auto clean = inputs(rows, torch::zeros({n}, torch::kLong));
    auto input = apply_dropout(has_views ? inputs(rows, first) : clean);
    if (two_passes) input = torch::cat({input, apply_dropout(has_views ? inputs(rows, second) : clean)});

    auto z = autoencoder_.encode(input);
    auto h = (z - z.mean(0)) / torch::sqrt(z.var(0, false) + kBatchNormEpsilon);
    auto code = h + (signs(h) - h).detach();  // the gradient passes the sign unchanged
    auto total = torch::zeros({});
    auto add = [&](double weight, const torch::Tensor &term, double &sum) {
        total = total + weight * term;
        sum += term.item<double>();
    };
    if (o.reconstruction_weight > 0 || o.kl_weight > 0) {
        auto rebuilt = autoencoder_.decode(flip_bits(code.narrow(0, 0, n)));
        add(o.reconstruction_weight, torch::mse_loss(rebuilt, clean), sums.reconstruction);
        if (o.kl_weight > 0) add(o.kl_weight, kl_term(clean, rebuilt), sums.kl);
    }
    add(o.commitment_weight, (h.abs() - 1).square().mean(), sums.commitment);
    if (two_passes)
        add(o.contrastive_weight, contrastive_term(code.narrow(0, 0, n), code.narrow(0, n, n)),
            sums.contrastive);
    if (o.label_weight > 0) {
        auto labels = torch::empty({n}, torch::kLong);
        for (int64_t i = 0; i < n; i++)
            labels.data_ptr<int64_t>()[i] = set_.labels[rows.data_ptr<int64_t>()[i]];
        if (two_passes) labels = torch::cat({labels, labels});
        add(o.label_weight, label_term(code, labels), sums.labels);
    }
    sums.loss += total.item<double>();
    return total;
}

bool Trainer::Loop::epoch(TrainProgress &progress, StopFlag stop) {
    if (try_itq(progress, stop)) return true;
    torch::AutoGradMode with_gradients(true);
    // The incomplete last batch is left out: its batch norm would be worse, and every epoch leaves out
    // others.
    const int64_t batch = options_.batch, batches = training_rows_.size(0) / batch,
                  steps = batches * options_.epochs;
    auto shuffle = torch::randperm(training_rows_.size(0), generator_, torch::kLong);
    auto order = training_rows_.index_select(0, shuffle);
    progress = TrainProgress{};
    progress.epoch = ++epoch_;
    progress.epochs = options_.epochs;
    for (int64_t b = 0; b < batches; b++) {
        look_for_stop(stop);
        double rate = one_cycle(options_.learning_rate, (epoch_ - 1) * batches + b, steps);
        static_cast<torch::optim::AdamOptions &>(optimizer_->param_groups()[0].options()).lr(rate);
        optimizer_->zero_grad();
        loss(order.narrow(0, b * batch, batch), progress).backward();
        torch::nn::utils::clip_grad_norm_(optimizer_->param_groups()[0].params(), kGradientNorm);
        optimizer_->step();
    }
    for (double *sum : {&progress.loss, &progress.reconstruction, &progress.commitment, &progress.kl,
                        &progress.contrastive, &progress.labels})
        *sum /= batches;
    if (!std::isfinite(progress.loss)) refuse("training diverged: the loss is not finite");
    if (held_out_rows_.defined()) {
        torch::NoGradGuard no_grad;
        Statistics s = statistics(sample_rows_, stop);
        remember_if_best(progress, validate([&](const torch::Tensor &x) { return codes(x, s); }, stop));
        if (progress.best) keep_parameters();
    } else {
        remember_if_best(progress, std::numeric_limits<double>::quiet_NaN());
    }
    bool patient = options_.patience == 0 || epoch_ - best_epoch_ < options_.patience;
    return epoch_ < options_.epochs && patient;
}

// Enters the validation and whether it is the best so far. Without one (NaN) every epoch is better than the
// one before.
void Trainer::Loop::remember_if_best(TrainProgress &progress, double validation) {
    progress.validation = validation;
    progress.best = !(validation <= best_validation_);
    if (!progress.best) return;
    best_validation_ = validation;
    best_epoch_ = progress.epoch;
}

void Trainer::Loop::keep_parameters() {
    best_parameters_.clear();
    for (const torch::Tensor &parameter : autoencoder_.parameters())
        best_parameters_.push_back(parameter.detach().clone());
}

Trainer::Loop::Statistics Trainer::Loop::statistics(const torch::Tensor &rows, StopFlag stop) const {
    auto sum = torch::zeros({options_.bits}, torch::kDouble), square = torch::zeros_like(sum);
    const int64_t count = rows.size(0);
    each_block(count, stop, [&](int64_t begin, int64_t n) {
        auto z = autoencoder_.encode(embeddings_.at(rows.narrow(0, begin, n))).to(torch::kDouble);
        sum += z.sum(0);
        square += z.square().sum(0);
    });
    auto mean = sum / count;
    return {mean, torch::sqrt((square / count - mean.square()).clamp_min(0) + kBatchNormEpsilon)};
}

torch::Tensor Trainer::Loop::codes(const torch::Tensor &x, const Statistics &s) const {
    return signs(autoencoder_.encode(x) - s.mean.to(torch::kFloat));
}

double Trainer::Loop::validate(const CodeFunction &codes, StopFlag stop) const {
    auto clean = codes(embeddings_.at(held_out_rows_));
    look_for_stop(stop);
    if (options_.label_weight > 0) {
        std::vector<int32_t> labels;
        for (int64_t i = 0; i < held_out_rows_.size(0); i++)
            labels.push_back(set_.labels[held_out_rows_.data_ptr<int64_t>()[i]]);
        double score = label_score(clean, labels);
        if (!std::isnan(score)) return score;
    }
    if (set_.views_per_row == 0) return neighbor_score(clean, clean, surroundings_);
    double sum = 0;
    for (int view = 1; view <= set_.views_per_row; view++) {
        look_for_stop(stop);
        auto versions = torch::full({held_out_rows_.size(0)}, view, torch::kLong);
        sum += neighbor_score(codes(inputs(held_out_rows_, versions)), clean, surroundings_);
    }
    return sum / set_.views_per_row;
}

Hasher Trainer::Loop::finish(StopFlag stop) {
    torch::NoGradGuard no_grad;
    if (itq_directions_.defined() && best_epoch_ == 0) return linear_hasher(embeddings_, itq_directions_);
    std::vector<torch::Tensor> parameters = autoencoder_.parameters();
    for (size_t i = 0; i < best_parameters_.size(); i++) parameters[i].copy_(best_parameters_[i]);
    Statistics s = statistics(torch::arange(embeddings_.count()), stop);
    auto to_double = [](const Linear &l) {
        return Linear{l.weight.to(torch::kDouble), l.bias.to(torch::kDouble)};
    };
    Linear first = to_double(autoencoder_.encode1()), second = to_double(autoencoder_.encode2());
    first.weight = first.weight / embeddings_.scale;
    first.bias = first.bias - torch::mv(first.weight, embeddings_.mean.to(torch::kDouble));
    second.weight = second.weight / s.deviation.unsqueeze(1);
    second.bias = (second.bias - s.mean) / s.deviation;
    return Hasher({make_layer(first.weight.t(), first.bias), make_layer(second.weight.t(), second.bias)});
}

Trainer::Trainer(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                 StopFlag stop) {
    check_options(options, set.length, set.views_per_row);
    check_set(options, classifier, set);
    loop_ = std::make_unique<Loop>(set, classifier, options, stop);
}

Trainer::~Trainer() = default;

bool Trainer::epoch(TrainProgress &progress, StopFlag stop) {
    return loop_->epoch(progress, stop);
}

Hasher Trainer::finish(StopFlag stop) {
    return loop_->finish(stop);
}

TrainResult train_autoencoder(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                              const ProgressFunction &progress, StopFlag stop) {
    Trainer trainer(set, classifier, options, stop);
    TrainProgress last{};
    for (bool more = true; more;) {
        more = trainer.epoch(last, stop);
        if (progress) progress(last);
    }
    return {trainer.finish(stop), last};
}

}  // namespace imagehash::semantic
