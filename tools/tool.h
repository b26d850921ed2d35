// Files and failure, for the programs of this folder: unlike src, they may print and exit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace imagehash::tools {

// Prints the message to stderr and ends the program with status 1.
[[noreturn]] void die(const std::string &message);

// Both die where the file cannot be read or written.
std::vector<uint8_t> read_file(const std::string &path);
void write_file(const std::string &path, const std::vector<uint8_t> &bytes);

// Runs a tool and returns its exit status; dies with the message of what it throws.
int run_tool(int (*tool)(int, char **), int argc, char **argv);

}  // namespace imagehash::tools
