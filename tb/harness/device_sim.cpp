// A device that hears PCM and answers per step, around the Verilog of a `Device`: clock and reset, a source of sound that
// is never late, a sink that never waits, and a host that sets the detector and reads what it said.
// tb/harness/device_sim.py builds and starts it:
//
//     device SOUND ANSWERS COUNT [ADDRESS VALUE]... ADDRESS
//
// SOUND holds int16 samples. Each VALUE is first written to its ADDRESS. Of each of COUNT answers five uint32 become
// ANSWERS: class, score, margin, then what the register at the last ADDRESS holds, and the cycle of the last beat modulo
// 2**32. The number of cycles is printed.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "Vdevice.h"
#include "verilated.h"

static const std::uint64_t MOST_SILENCE = 1u << 26;  // cycles without a beat
static const int SAID = 8;                           // cycles from an answer until its word has surely been said

[[noreturn]] static void fail(const char* what, std::uint64_t answers) {
    std::fprintf(stderr, "%s after %llu answers\n", what, static_cast<unsigned long long>(answers));
    std::exit(3);
}

class Bench {
  public:
    Bench(Vdevice& device, const char* sound) : device_(device), sound_(sound, std::ios::binary) {
        device.s_axis_tvalid = device.s_axis_tdata = device.s_axis_tlast = 0;
        device.s_axil_awvalid = device.s_axil_wvalid = device.s_axil_arvalid = 0;
        device.s_axil_ear_awvalid = device.s_axil_ear_wvalid = device.s_axil_ear_arvalid = 0;
        device.s_axil_ear_bready = device.s_axil_ear_rready = 0;
        device.aresetn = 0;
        device.m_axis_tready = device.s_axil_bready = device.s_axil_rready = 1;
        device.s_axil_wstrb = 0xF;
        for (int index = 0; index < 8; ++index) cycle();
        device.aresetn = 1;
    }

    std::uint64_t cycles = 0, silence = 0;
    bool beat = false, last = false;  // what passed at the output in the last cycle
    std::uint32_t data = 0;

    // The source of sound begins.
    void listen() { next(); }

    void cycle() {
        device_.s_axis_pcm_tvalid = offered_;
        device_.s_axis_pcm_tdata = sample_;
        device_.aclk = 0;
        device_.eval();
        const bool taken = offered_ && device_.s_axis_pcm_tready;
        beat = device_.m_axis_tvalid;
        last = device_.m_axis_tlast;
        data = device_.m_axis_tdata;
        device_.aclk = 1;
        device_.eval();
        if (taken) next();
        silence = beat ? 0 : silence + 1;
        ++cycles;
    }

    void write(std::uint32_t address, std::uint32_t value) {
        device_.s_axil_awaddr = address;
        device_.s_axil_wdata = value;
        transfer(device_.s_axil_awvalid, device_.s_axil_awready);
        transfer(device_.s_axil_wvalid, device_.s_axil_wready);
        while (!device_.s_axil_bvalid) cycle();
        if (device_.s_axil_bresp) fail("a write was refused", 0);
        cycle();
    }

    // The next answer does not come meanwhile: a frame takes much longer.
    std::uint32_t read(std::uint32_t address) {
        device_.s_axil_araddr = address;
        transfer(device_.s_axil_arvalid, device_.s_axil_arready);
        while (!device_.s_axil_rvalid) cycle();
        if (device_.s_axil_rresp) fail("a read was refused", 0);
        const std::uint32_t found = device_.s_axil_rdata;
        cycle();
        return found;
    }

  private:
    template <typename Pin>
    void transfer(Pin& valid, const Pin& ready) {
        valid = 1;
        for (bool done = false; !done;) {
            done = ready;
            cycle();
        }
        valid = 0;
    }

    void next() { offered_ = static_cast<bool>(sound_.read(reinterpret_cast<char*>(&sample_), sizeof sample_)); }

    Vdevice& device_;
    std::ifstream sound_;
    std::int16_t sample_ = 0;
    bool offered_ = false;
};

int main(int count, char** values) {
    if (count < 5) return 2;
    VerilatedContext context;
    context.commandArgs(count, values);
    Vdevice device{&context};
    std::vector<std::uint32_t> host;
    for (int place = 4; place < count && values[place][0] != '+'; ++place)
        host.push_back(static_cast<std::uint32_t>(std::strtoull(values[place], nullptr, 10)));
    if (host.size() % 2 == 0) return 2;

    Bench bench(device, values[1]);
    std::ofstream file(values[2], std::ios::binary);
    for (std::size_t index = 0; index + 1 < host.size(); index += 2) bench.write(host[index], host[index + 1]);
    bench.listen();
    const std::uint64_t wanted = std::strtoull(values[3], nullptr, 10);
    for (std::uint64_t told = 0; told < wanted; ++told) {
        std::uint32_t answer[5];
        for (int place = 0; place < 3; ++place) {
            do {
                bench.cycle();
                if (bench.silence > MOST_SILENCE) fail("no answer comes", told);
            } while (!bench.beat);
            if (bench.last != (place == 2)) fail("an answer has not three beats", told);
            answer[place] = bench.data;
        }
        answer[4] = static_cast<std::uint32_t>(bench.cycles);
        for (int index = 0; index < SAID; ++index) {
            bench.cycle();
            if (bench.beat) fail("an answer follows at once", told);
        }
        answer[3] = bench.read(host.back());
        if (bench.beat) fail("an answer follows at once", told);
        file.write(reinterpret_cast<const char*>(answer), sizeof answer).flush();  // someone watches it grow
    }
    device.final();
    std::printf("%llu\n", static_cast<unsigned long long>(bench.cycles));
    return file ? 0 : 3;
}
