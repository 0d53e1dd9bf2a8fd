// The part of Verilator's runtime that `verilated` 0.1.2 does not compile, because Verilator 4 did not have it.
#include "shim.h"

#include "verilated_threads.cpp"

// Called by every shim, so that a linker that reads its libraries once, in order, has this file before it comes to
// `verilated`, which needs it.
void crumb_cosim_runtime() {}
