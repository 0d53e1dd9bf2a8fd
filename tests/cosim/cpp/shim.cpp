// The shim of one configuration. Compiled once for each, with
//   CRUMB_HEADER  the header Verilator wrote, quoted
//   CRUMB_CLASS   the class in it
//   CRUMB_ENTRY   the name of the entry function
//   CRUMB_BITS    the width of the stream as the build script found it in the Verilog
//   CRUMB_TRACE   1 if the model was built with --trace
#include "shim.h"

#include <cstring>
#include <memory>
#include <type_traits>

#include CRUMB_HEADER
#include "verilated.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stream words are copied as little-endian bytes");

// Verilator holds a port of up to 32 bits in an IData, up to 64 in a QData, and more in a VlWide of 32-bit words.
using Word = std::remove_reference_t<decltype(CRUMB_CLASS::s_axis_tdata)>;
static_assert(sizeof(Word) * 8 == CRUMB_BITS, "s_axis_tdata has not the width of the stream");
static_assert(std::is_same<Word, std::remove_reference_t<decltype(CRUMB_CLASS::m_axis_tdata)>>::value,
              "s_axis_tdata and m_axis_tdata differ in width");
static_assert(sizeof(Word) <= sizeof(CrumbInputs::s_tdata), "the stream is wider than 256 bits");
static_assert(std::is_trivially_copyable<Word>::value, "stream words are copied as bytes");

namespace {

// In an unnamed namespace: it is another type for each configuration, and all are linked into one binary.
struct Instance final {
    VerilatedContext context;
    std::unique_ptr<CRUMB_CLASS> model;  // after its context, so destroyed before it
};

Instance& of(CrumbInstance* opaque) { return *reinterpret_cast<Instance*>(opaque); }

// Verilated code looks up its context through a thread-local pointer when it draws a random value, prints or stops.
// A circuit of Crumb does the first while it is built and the others never, so the pointer is set for that time only.
// It is put back to the context that is never destroyed, so that none is left dangling.
void leave() { Verilated::threadContextp(Verilated::defaultContextp()); }

CrumbInstance* create(int32_t seed) {
    crumb_cosim_runtime();
    Instance* const instance = new Instance;  // the context's constructor sets the thread's context
    leave();
    instance->context.threads(1);  // else a pool of worker threads is started
    instance->context.randSeed(seed);
    return reinterpret_cast<CrumbInstance*>(instance);
}

void enter(CrumbInstance* instance) { Verilated::threadContextp(&of(instance).context); }

void build(CrumbInstance* instance) {
    Instance& self = of(instance);
    self.model.reset(new CRUMB_CLASS{&self.context, "TOP"});
    self.model->clock = 0;
    self.model->eval();  // initial values are set in the first evaluation
}

void settle(CrumbInstance* instance, const CrumbInputs* inputs, CrumbOutputs* outputs) {
    CRUMB_CLASS& model = *of(instance).model;
    model.clock = 0;
    model.s_axis_tvalid = inputs->s_tvalid;
    model.s_axis_tlast = inputs->s_tlast;
    model.m_axis_tready = inputs->m_tready;
    std::memcpy(&model.s_axis_tdata, inputs->s_tdata, sizeof(Word));
    model.eval();
    std::memcpy(outputs->m_tdata, &model.m_axis_tdata, sizeof(Word));
    outputs->s_tready = model.s_axis_tready;
    outputs->m_tvalid = model.m_axis_tvalid;
    outputs->m_tlast = model.m_axis_tlast;
    outputs->error = model.error;
    outputs->idle = model.idle;
}

void set_clock(CrumbInstance* instance, uint8_t level) {
    of(instance).model->clock = level;
    of(instance).model->eval();
}

uint8_t trace(CrumbInstance* instance, VerilatedVcdC* vcd) {
#if CRUMB_TRACE
    of(instance).model->trace(vcd, 99);
    return 1;
#else
    (void)instance;
    (void)vcd;
    return 0;
#endif
}

void destroy(CrumbInstance* instance) {
    if (of(instance).model) of(instance).model->final();
    delete &of(instance);
}

const CrumbModel table = {CRUMB_BITS, create, enter, leave, build, settle, set_clock, trace, destroy};

}  // namespace

extern "C" const CrumbModel* CRUMB_ENTRY() { return &table; }
