// The C boundary between a Verilated model and `src/shim.rs`, which mirrors these declarations field by field.
#ifndef CRUMB_SHIM_H
#define CRUMB_SHIM_H

#include <cstdint>

class VerilatedVcdC;

extern "C" {

// The inputs of one cycle. `s_tdata` is little-endian; a narrow stream uses its first bytes.
struct CrumbInputs {
    uint8_t s_tdata[32];
    uint8_t s_tvalid;
    uint8_t s_tlast;
    uint8_t m_tready;
};

// The outputs of one cycle. `m_tdata` is little-endian; a narrow stream uses its first bytes.
struct CrumbOutputs {
    uint8_t m_tdata[32];
    uint8_t s_tready;
    uint8_t m_tvalid;
    uint8_t m_tlast;
    uint8_t error;
    uint8_t idle;
};

struct CrumbInstance;

// One configuration, as a table of functions; `crumb_cosim_<config>()` returns it.
struct CrumbModel {
    // Width of the stream.
    uint32_t stream_bits;
    // A context of its own for one circuit, with the seed of its random values (not 0).
    CrumbInstance* (*create)(int32_t seed);
    // Make the instance's context that of this thread, and put back the default one.
    void (*enter)(CrumbInstance*);
    void (*leave)();
    // Build the circuit in the context, once, between `enter` and `leave`.
    void (*build)(CrumbInstance*);
    // Drive the inputs with the clock low and read the outputs.
    void (*settle)(CrumbInstance*, const CrumbInputs*, CrumbOutputs*);
    // Set the clock and evaluate.
    void (*set_clock)(CrumbInstance*, uint8_t level);
    // Attach a VCD writer that is not open yet; returns 0 if the model was built without tracing.
    uint8_t (*trace)(CrumbInstance*, VerilatedVcdC*);
    // Any VCD writer must have been closed.
    void (*destroy)(CrumbInstance*);
};

// Does nothing; see `runtime.cpp`.
void crumb_cosim_runtime();

}

#endif
