// The autoencoder behind train_autoencoder(); see trainer.h for the contract.
//
//   x (unit length, centred, one scale) -> hidden, ReLU -> h (batch norm) -> sign = code -> hidden, ReLU -> x
//   again
//
// The batch norm has neither scale nor shift: it centres every bit, so that half of the images set it. After
// training its statistics are taken over all rows, and folded into the last layer together with the centring
// of x.
#include "vision/trainer.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "vision/status.h"
#include "vision/tensors.h"

namespace imagehash::vision {

namespace {

constexpr double kBatchNormEpsilon = 1e-5;
constexpr int kItqIterations = 50;
constexpr double kPi = 3.14159265358979323846;
constexpr double kGradientNorm = 5.0;  // a rare bad batch must not undo an epoch

[[noreturn]] void refuse(const std::string &message) {
    throw Error(ErrorKind::bad_argument, message);
}

void check_options(const TrainOptions &o, const Classifier *classifier, MatrixView embeddings) {
    if (o.bits < 8 || o.bits > 1024 || o.bits % 8 != 0) refuse("bits must be a multiple of 8 from 8 to 1024");
    if (o.hidden < 1 || o.hidden > 65536) refuse("hidden must be from 1 to 65536");
    if (o.start_from_itq && (o.hidden < 2 * o.bits || o.bits > embeddings.columns))
        refuse("a start from ITQ needs hidden >= 2 * bits, and no more bits than the embedding has values");
    if (o.epochs < 1) refuse("epochs must be at least 1");
    if (o.batch < 2) refuse("batch must be at least 2");
    if (!(o.learning_rate > 0)) refuse("learning rate must be above zero");
    if (!(o.dropout >= 0 && o.dropout < 1)) refuse("dropout must be at least 0 and below 1");
    if (!(o.flip >= 0 && o.flip < 0.5)) refuse("flip must be at least 0 and below 0.5");
    if (embeddings.rows < static_cast<size_t>(o.batch))
        refuse("too few embeddings: " + std::to_string(embeddings.rows) + " for batches of " +
               std::to_string(o.batch));
    if (o.kl_weight > 0) {
        if (!classifier) refuse("the kl term needs a classifier");
        if (classifier->input != embeddings.columns) refuse("the classifier does not fit the embeddings");
    }
}

struct Linear {
    torch::Tensor weight;  // [out][in]
    torch::Tensor bias;

    torch::Tensor operator()(const torch::Tensor &x) const { return torch::linear(x, weight, bias); }
};

class Autoencoder {
 public:
    Autoencoder(int input, const TrainOptions &options, const torch::Generator &generator)
        : encode1_(make_linear(input, options.hidden, generator)),
          encode2_(make_linear(options.hidden, options.bits, generator)),
          decode1_(make_linear(options.bits, options.hidden, generator)),
          decode2_(make_linear(options.hidden, input, generator)) {}

    // Output of the encoder before batch norm.
    torch::Tensor encode(const torch::Tensor &x) const { return encode2_(torch::relu(encode1_(x))); }
    torch::Tensor decode(const torch::Tensor &code) const { return decode2_(torch::relu(decode1_(code))); }

    std::vector<torch::Tensor> parameters() const {
        std::vector<torch::Tensor> all;
        for (const Linear *layer : {&encode1_, &encode2_, &decode1_, &decode2_}) {
            all.push_back(layer->weight);
            all.push_back(layer->bias);
        }
        return all;
    }

    // Makes encode(x) = x * projection[d][bits] and decode(code) = code * reconstruction[bits][d].
    void start(const torch::Tensor &projection, const torch::Tensor &reconstruction) {
        start_linear(encode1_, encode2_, projection, torch::eye(projection.size(1)));
        start_linear(decode1_, decode2_, torch::eye(reconstruction.size(0)), reconstruction);
    }

    const Linear &encode1() const { return encode1_; }
    const Linear &encode2() const { return encode2_; }

 private:
    // Uniform within 1 / sqrt(in), PyTorch's default for a linear layer.
    static Linear make_linear(int in, int out, const torch::Generator &generator) {
        double bound = 1 / std::sqrt(in);
        Linear layer{torch::empty({out, in}).uniform_(-bound, bound, generator),
                     torch::empty({out}).uniform_(-bound, bound, generator)};
        layer.weight.requires_grad_();
        layer.bias.requires_grad_();
        return layer;
    }

    // Makes two layers compute x * a[in][n] * b[n][out]: ReLU passes a value and its negative as two units.
    // The units left over keep their random inputs, and begin without a say.
    static void start_linear(Linear &first, Linear &second, const torch::Tensor &a, const torch::Tensor &b) {
        torch::NoGradGuard no_grad;
        int64_t n = a.size(1), hidden = first.weight.size(0), out = second.weight.size(0);
        first.weight.narrow(0, 0, 2 * n).copy_(torch::cat({a.t(), -a.t()}));
        first.bias.narrow(0, 0, 2 * n).zero_();
        second.weight.copy_(torch::cat({b.t(), -b.t(), torch::zeros({out, hidden - 2 * n})}, 1));
        second.bias.zero_();
    }

    Linear encode1_, encode2_, decode1_, decode2_;
};

// Warm up for 30 % of the steps, then down to almost nothing: L. Smith, N. Topin, "Super-convergence", 2018.
double one_cycle(double top, int64_t step, int64_t steps) {
    double warm = 0.3 * steps;
    double from = step < warm ? top / 25 : top;
    double to = step < warm ? top : top / 1e4;
    double share = step < warm ? step / warm : (step - warm) / (steps - warm);
    return to + (from - to) * 0.5 * (1 + std::cos(kPi * share));
}

class Training {
 public:
    Training(MatrixView embeddings, const Classifier *classifier, const TrainOptions &options,
             const StopFunction &stop)
        : options_(options),
          generator_(make_generator(options.seed)),
          data_(standardise(embeddings)),
          model_(embeddings.columns, options, generator_),
          optimizer_(model_.parameters(), torch::optim::AdamOptions(options.learning_rate)) {
        if (options.kl_weight > 0) classifier_ = fold_classifier(*classifier);
        if (options.start_from_itq) start_from_itq(stop);
    }

    TrainProgress run(const ProgressFunction &progress, const StopFunction &stop);
    Hasher export_hasher() const;

 private:
    // The classifier as a layer on standardised x: unit length is taken back to the embeddings' mean norm.
    Linear fold_classifier(const Classifier &c) const {
        auto weight = copy_floats(c.weight, {c.classes, c.input}) * data_.mean_norm;
        auto bias = copy_floats(c.bias, {c.classes}) + torch::mv(weight, data_.mean);
        return {weight * data_.scale, bias};
    }

    void start_from_itq(const StopFunction &stop) {
        torch::NoGradGuard no_grad;
        auto projection =
            itq_projection(data_, options_.bits, generator_, kItqIterations, stop).to(torch::kFloat);
        auto outputs = torch::mm(data_.x, projection);
        auto codes = torch::where(outputs > 0, 1.0f, -1.0f);
        // Least squares, a little damped; the codes of ITQ are nearly uncorrelated.
        auto gram = torch::mm(codes.t(), codes) + torch::eye(options_.bits) * (1e-3 * codes.size(0));
        auto reconstruction = torch::linalg_solve(gram, torch::mm(codes.t(), data_.x));
        model_.start(projection / outputs.std(0).clamp_min(1e-6), reconstruction);
    }

    torch::Tensor loss(const torch::Tensor &x, TrainProgress &sums);
    torch::Tensor flip_some(const torch::Tensor &code);
    torch::Tensor kl_term(const torch::Tensor &x, const torch::Tensor &rebuilt) const;

    const TrainOptions options_;
    torch::Generator generator_;
    Standardised data_;
    Autoencoder model_;
    torch::optim::Adam optimizer_;
    Linear classifier_;
};

torch::Tensor Training::kl_term(const torch::Tensor &x, const torch::Tensor &rebuilt) const {
    auto target = torch::log_softmax(classifier_(x), 1);
    auto answer = torch::log_softmax(classifier_(rebuilt), 1);
    return (target.exp() * (target - answer)).sum(1).mean();
}

// Noise on the code makes the decoder rely on many bits at once: what matters most in an embedding is then
// spread over more of them, and weighs more in the Hamming distance.
torch::Tensor Training::flip_some(const torch::Tensor &code) {
    auto flipped = torch::empty_like(code).bernoulli_(options_.flip, generator_);
    return code * (1 - 2 * flipped);
}

torch::Tensor Training::loss(const torch::Tensor &x, TrainProgress &sums) {
    auto input = x;
    if (options_.dropout > 0) {
        double keep = 1 - options_.dropout;
        input = x * torch::empty_like(x).bernoulli_(keep, generator_) / keep;
    }
    auto z = model_.encode(input);
    auto h = (z - z.mean(0)) / torch::sqrt(z.var(0, false) + kBatchNormEpsilon);
    auto code =
        h + (torch::where(h > 0, 1.0f, -1.0f) - h).detach();  // the gradient passes the sign unchanged

    auto total = torch::zeros({});
    auto add = [&](double weight, const torch::Tensor &term, double &sum) {
        total = total + weight * term;
        sum += term.item<double>();
    };
    if (options_.reconstruction_weight > 0 || options_.kl_weight > 0) {
        auto rebuilt = model_.decode(options_.flip > 0 ? flip_some(code) : code);
        add(options_.reconstruction_weight, torch::mse_loss(rebuilt, x), sums.reconstruction);
        if (options_.kl_weight > 0) add(options_.kl_weight, kl_term(x, rebuilt), sums.kl);
    }
    add(options_.commitment_weight, (h.abs() - 1).square().mean(), sums.commitment);
    sums.loss += total.item<double>();
    return total;
}

TrainProgress Training::run(const ProgressFunction &progress, const StopFunction &stop) {
    const int64_t rows = data_.x.size(0), batch = options_.batch;
    // The incomplete last batch is left out: its batch norm would be worse, and every epoch leaves out
    // others.
    const int64_t batches = rows / batch, steps = batches * options_.epochs;
    TrainProgress report{};
    int64_t step = 0;
    for (int epoch = 1; epoch <= options_.epochs; epoch++) {
        auto order = torch::randperm(rows, generator_, torch::kLong);
        report = TrainProgress{};
        report.epoch = epoch;
        for (int64_t b = 0; b < batches; b++, step++) {
            if (stop && stop()) throw Error(ErrorKind::cancelled, "training was cancelled");
            double rate = one_cycle(options_.learning_rate, step, steps);
            static_cast<torch::optim::AdamOptions &>(optimizer_.param_groups()[0].options()).lr(rate);
            optimizer_.zero_grad();
            loss(data_.x.index_select(0, order.narrow(0, b * batch, batch)), report).backward();
            torch::nn::utils::clip_grad_norm_(model_.parameters(), kGradientNorm);
            optimizer_.step();
        }
        for (double *sum : {&report.loss, &report.reconstruction, &report.commitment, &report.kl})
            *sum /= batches;
        if (!std::isfinite(report.loss)) refuse("training diverged: the loss is not finite");
        if (progress) progress(report);
    }
    return report;
}

Hasher Training::export_hasher() const {
    torch::NoGradGuard no_grad;
    auto sum = torch::zeros({options_.bits}, torch::kDouble), square = torch::zeros_like(sum);
    const int64_t rows = data_.x.size(0), chunk = 4096;
    for (int64_t begin = 0; begin < rows; begin += chunk) {
        auto z = model_.encode(data_.x.narrow(0, begin, std::min(chunk, rows - begin))).to(torch::kDouble);
        sum += z.sum(0);
        square += z.square().sum(0);
    }
    auto mean = sum / rows;
    auto deviation = torch::sqrt(square / rows - mean.square() + kBatchNormEpsilon);

    auto to_double = [](const Linear &l) {
        return Linear{l.weight.to(torch::kDouble), l.bias.to(torch::kDouble)};
    };
    Linear first = to_double(model_.encode1()), second = to_double(model_.encode2());
    first.weight = first.weight / data_.scale;
    first.bias = first.bias - torch::mv(first.weight, data_.mean.to(torch::kDouble));
    second.weight = second.weight / deviation.unsqueeze(1);
    second.bias = (second.bias - mean) / deviation;
    return Hasher({make_layer(first.weight.t(), first.bias), make_layer(second.weight.t(), second.bias)});
}

}  // namespace

TrainResult train_autoencoder(MatrixView embeddings, const Classifier *classifier,
                              const TrainOptions &options, const ProgressFunction &progress,
                              const StopFunction &stop) {
    check_options(options, classifier, embeddings);
    torch::AutoGradMode with_gradients(true);  // the caller may have switched them off for inference
    Training training(embeddings, classifier, options, stop);
    TrainProgress last = training.run(progress, stop);
    return {training.export_hasher(), last};
}

}  // namespace imagehash::vision
