// Force-included into every C++ file of the workspace (HOST_CXXFLAGS in .cargo/config.toml).
//
// The crate `verilated` 0.1.2 was written for Verilator 4. Verilator 5 dropped three names its shims mention; they are
// given back here, so that the crate is used as published. It also sends what a model prints to standard error, because
// the program `crumb-cosim` speaks a binary protocol on standard output.
#if defined(__cplusplus) && __has_include("verilated.h")
#ifndef CRUMB_VERILATED_COMPAT_H
#define CRUMB_VERILATED_COMPAT_H

#include <cstdio>

// Verilator invites redefinition of these two (verilated.h: "redefine if desired").
#define VL_PRINTF(...) std::fprintf(stderr, __VA_ARGS__)
#define VL_VPRINTF(format, arguments) std::vfprintf(stderr, format, arguments)

#include "verilated.h"

// 1. The type of a flush callback without an argument.
using VerilatedVoidCb = void (*)();

// 2. `Verilated::flushCb(cb)` became `addFlushCb(cb, datap)`, whose callback takes a pointer.
inline void crumb_call_without_argument(void* callback) { reinterpret_cast<VerilatedVoidCb>(callback)(); }
#define flushCb(callback) addFlushCb(crumb_call_without_argument, reinterpret_cast<void*>(callback))

// 3. `VerilatedVcdC::rolloverMB(megabytes)` became `rolloverSize(bytes)`.
#define rolloverMB(megabytes) rolloverSize((megabytes) * 1000000)

#endif
#endif
