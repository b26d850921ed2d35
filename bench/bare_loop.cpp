// What bulk hashing is measured against: the shipped network in a plain loop over a directory, one thread, as
// a careful person would write it with OpenCV and LibTorch. Prints images per second, and per second of
// processor time.
//
// Must not use src: it is the other side of the ratio in bench.
#include <ATen/Parallel.h>
#include <torch/csrc/jit/passes/xnnpack_rewrite.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/profiling_graph_executor_impl.h>
#include <torch/script.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace {

constexpr int kSide = 224;

// Bytes to the network's input: short side to 256, center, (pixel - 127) / 128, pixel after pixel.
cv::Mat to_input(const std::vector<uint8_t> &bytes) {
    cv::Mat image = cv::imdecode(bytes, cv::IMREAD_COLOR), scaled, rgb, input;
    double scale = 256.0 / std::min(image.cols, image.rows);
    cv::resize(image, scaled, {}, scale, scale, scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
    cv::Rect center((scaled.cols - kSide) / 2, (scaled.rows - kSide) / 2, kSide, kSide);
    cv::cvtColor(scaled(center), rgb, cv::COLOR_BGR2RGB);
    rgb.convertTo(input, CV_32F, 1 / 128.0, -127 / 128.0);
    return input;
}

// A cv::Mat lies in memory as "channels last" wants it.
void run(torch::jit::Module &network, cv::Mat input) {
    network.forward({torch::from_blob(input.data, {1, kSide, kSide, 3}).permute({0, 3, 1, 2})});
}

std::vector<std::vector<uint8_t>> read_jpegs(const char *directory) {
    std::vector<std::vector<uint8_t>> files;
    for (const auto &entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() != ".jpg") continue;
        std::ifstream file(entry.path(), std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return files;
}

torch::jit::Module fastest(const char *model) {
    torch::jit::Module module = torch::jit::load(model);
    module.eval();
    try {
        return torch::jit::optimizeForMobile(module);
    } catch (const c10::Error &) {  // built without XNNPACK
        return torch::jit::optimize_for_inference(module);
    }
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: bare_loop MODEL DIRECTORY_OF_JPEGS\n");
        return 2;
    }
    at::set_num_threads(1);
    cv::setNumThreads(1);
    // The profiling executor would look at the first runs and compile anew.
    torch::jit::getProfilingMode() = false;
    torch::jit::getExecutorMode() = false;
    c10::InferenceMode inference;
    torch::jit::Module network = fastest(argv[1]);
    auto files = read_jpegs(argv[2]);
    for (size_t i = 0; i < 5 && i < files.size(); i++) run(network, to_input(files[i]));

    auto begin = std::chrono::steady_clock::now();
    clock_t processor_begin = std::clock();
    for (const auto &bytes : files) run(network, to_input(bytes));
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    double processor = static_cast<double>(std::clock() - processor_begin) / CLOCKS_PER_SEC;
    std::printf("%.2f %.2f\n", files.size() / seconds.count(), files.size() / processor);
}
