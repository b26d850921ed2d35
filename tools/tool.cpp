#include "tool.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>

namespace imagehash::tools {

void die(const std::string &message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

std::vector<uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) die("cannot read \"" + path + "\"");
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string &path, const std::vector<uint8_t> &bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (!file.flush()) die("cannot write \"" + path + "\"");
}

int run_tool(int (*tool)(int, char **), int argc, char **argv) {
    try {
        return tool(argc, argv);
    } catch (const std::exception &error) {
        die(error.what());
    }
}

}  // namespace imagehash::tools
