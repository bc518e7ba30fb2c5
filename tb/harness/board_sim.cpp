// A board around the Verilog of a `BoardDevice`: its clock and reset, the far end of its UART line, and its
// microphone. tb/harness/board_sim.py builds and starts it:
//
//     board FD DIVIDER SEED LOSE DOUBLE FLIP [SOUND]
//
// FD is the line, DIVIDER the cycles of a bit on it; a byte is lost, doubled, or has a bit flipped with these
// probabilities, in each direction. SOUND holds int32 words: samples of 24 bits (I2S, a microphone on the left) or
// bits (PDM). It ends with SIGTERM, or when nobody has the line any more, and prints what it did as JSON.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <random>
#include <utility>
#include <vector>

#include "Vboard.h"
#include "verilated.h"

static volatile std::sig_atomic_t ended = 0;
static void end(int) { ended = 1; }

// Planted faults in one direction of a line, and how often there were some.
struct Faults {
    double lose, twice, flip;
    std::mt19937_64 random;
    std::uint64_t lost = 0, doubled = 0, flipped = 0;

    Faults(char** chances, std::uint64_t seed)
        : lose(std::atof(chances[0])), twice(std::atof(chances[1])), flip(std::atof(chances[2])), random(seed) {}

    bool with(double probability) { return std::uniform_real_distribution<double>{}(random) < probability; }

    void pass(std::uint8_t byte, std::deque<std::uint8_t>& to) {
        if (with(lose)) {
            ++lost;
            return;
        }
        if (with(flip)) {
            ++flipped;
            byte ^= 1u << (random() & 7);
        }
        to.push_back(byte);
        if (with(twice)) {
            ++doubled;
            to.push_back(byte);
        }
    }
};

// The far end of the UART line, 8N1, whose bytes come from and go to a file descriptor.
class Line {
  public:
    Line(int file, unsigned divider, Faults& to_board, Faults& from_board)
        : file_(file), divider_(divider), to_board_faults_(to_board), from_board_faults_(from_board) {
        fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK);
    }

    bool level() const { return left_ == 0 || (frame_ & 1); }  // of the board's rx
    std::uint64_t sent = 0, received = 0;

    // A cycle, in which the board's tx is at `level`.
    void step(bool level) {
        send();
        receive(level);
    }

  private:
    void send() {
        if (left_ != 0) {
            if (++cycle_ == divider_) {
                cycle_ = 0;
                frame_ >>= 1;
                --left_;
            }
            return;
        }
        if (to_board_.empty() && ++idle_ >= 10 * divider_) {
            idle_ = 0;
            exchange();
        }
        if (!to_board_.empty()) {
            frame_ = to_board_.front() << 1 | 0x200;
            to_board_.pop_front();
            left_ = 10;
            cycle_ = 0;
            ++sent;
        }
    }

    void receive(bool level) {
        if (bit_ < 0) {
            if (!level) {
                bit_ = 0;
                wait_ = divider_ + divider_ / 2;
            }
            return;
        }
        if (--wait_ != 0) return;
        wait_ = divider_;
        if (bit_ < 8) {
            byte_ = static_cast<std::uint8_t>(byte_ >> 1 | level << 7);
            ++bit_;
            return;
        }
        if (!level) {
            std::fprintf(stderr, "no stop bit on tx after %llu bytes\n", static_cast<unsigned long long>(received));
            std::exit(3);
        }
        bit_ = -1;
        ++received;
        from_board_faults_.pass(byte_, from_board_);
        exchange();
    }

    // Whatever the descriptor gives and takes now; what it does not take waits.
    void exchange() {
        std::uint8_t bytes[4096];
        while (!from_board_.empty()) {
            std::size_t count = 0;
            for (; count < from_board_.size() && count < sizeof bytes; ++count) bytes[count] = from_board_[count];
            const ssize_t done = write(file_, bytes, count);
            if (done <= 0) break;
            from_board_.erase(from_board_.begin(), from_board_.begin() + done);
        }
        if (!to_board_.empty()) return;
        const ssize_t count = read(file_, bytes, sizeof bytes);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) ended = 1;
        for (ssize_t index = 0; index < count; ++index) to_board_faults_.pass(bytes[index], to_board_);
    }

    int file_;
    unsigned divider_;
    Faults &to_board_faults_, &from_board_faults_;
    std::deque<std::uint8_t> to_board_, from_board_;
    unsigned frame_ = 0, left_ = 0, cycle_ = 0, idle_ = 0;  // sending
    int bit_ = -1;                                           // receiving
    unsigned wait_ = 0;
    std::uint8_t byte_ = 0;
};

// A microphone that plays a recording, then silence; where it has nothing to say its line is anything.
class Microphone {
  public:
    Microphone(std::vector<std::int32_t> words, std::uint64_t seed) : words_(std::move(words)), random_(seed) {
#if defined(PDM)
        data = next() & 1;  // its clock begins low
#endif
    }

    bool data = false;
    std::size_t played() const { return next_; }

#if defined(I2S)
    // As an INMP441: a bit with each fall of SCK, the highest of 24 with the first after WS went low.
    void step(bool sck, bool ws) {
        if (sck && !sck_) {
            if (ws_ && !ws) {
                word_ = next();
                left_ = 24;
            }
            ws_ = ws;
        }
        if (!sck && sck_) data = left_ ? word_ >> --left_ & 1 : random_() & 1;
        sck_ = sck;
    }
#elif defined(PDM)
    // With SELECT low: a bit with each fall of the clock, which stays until the rise.
    void step(bool clock) {
        if (clock != clock_) data = clock ? random_() & 1 : next() & 1;
        clock_ = clock;
    }
#endif

  private:
    std::int32_t next() { return next_ < words_.size() ? words_[next_++] : silence(); }
    // As many ones as zeros (PDM), or less than a step of 16 bits: only zeros are no microphone.
    std::int32_t silence() {
#if defined(PDM)
        return silent_ ^= 1;
#else
        return 1;
#endif
    }

    std::vector<std::int32_t> words_;
    std::mt19937_64 random_;
    std::size_t next_ = 0;
    std::int32_t word_ = 0, silent_ = 0;
    unsigned left_ = 0;
    bool sck_ = false, ws_ = false, clock_ = false;
};

static std::vector<std::int32_t> words_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::int32_t> words;
    for (std::int32_t word; file.read(reinterpret_cast<char*>(&word), sizeof word);) words.push_back(word);
    return words;
}

int main(int count, char** values) {
    if (count < 7) return 2;
    VerilatedContext context;
    context.commandArgs(count, values);
    Vboard board{&context};
    std::signal(SIGTERM, end);
    std::signal(SIGINT, end);

    const std::uint64_t seed = std::strtoull(values[3], nullptr, 10);
    Faults to_board(values + 4, seed), from_board(values + 4, seed + 1);
    Line line(std::atoi(values[1]), std::atoi(values[2]), to_board, from_board);
    const bool sound = count > 7 && values[7][0] != '+';
    Microphone microphone(sound ? words_of(values[7]) : std::vector<std::int32_t>{}, seed);

    std::uint64_t cycles = 0;
    for (; !ended; ++cycles) {
        board.aclk = 0;
        board.aresetn = cycles >= 8;
        board.rx = line.level();
#if defined(I2S)
        board.right = 0;
        board.sd = microphone.data;
#elif defined(PDM)
        board.select = 0;
        board.pdm_data = microphone.data;
#endif
        board.eval();
        board.aclk = 1;
        board.eval();
        if (!board.aresetn) continue;
        line.step(board.tx);
#if defined(I2S)
        microphone.step(board.sck, board.ws);
#elif defined(PDM)
        microphone.step(board.pdm_clk);
#endif
    }
    board.final();
    const std::pair<const char*, std::uint64_t> figures[] = {
        {"cycles", cycles},
        {"sent", line.sent},
        {"received", line.received},
        {"played", microphone.played()},
        {"lost", to_board.lost + from_board.lost},
        {"doubled", to_board.doubled + from_board.doubled},
        {"flipped", to_board.flipped + from_board.flipped},
    };
    const char* between = "{";
    for (const auto& [name, value] : figures) {
        std::printf("%s\"%s\": %llu", between, name, static_cast<unsigned long long>(value));
        between = ", ";
    }
    std::printf("}\n");
    return 0;
}
