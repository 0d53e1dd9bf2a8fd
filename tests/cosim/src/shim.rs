//! The C boundary to the Verilated models (`cpp/shim.h`), wrapped; the only unsafe code of this crate.
#![allow(unsafe_code, reason = "Verilated models are C++; each call is argued below")]

use std::ffi::c_int;
use std::path::Path;
use std::ptr::NonNull;

use verilated::RandomMode;
use verilated::vcd::{Vcd, VcdC};

use crate::boundary::{Data, Inputs, MAX_STREAM_BYTES, Outputs};

/// `CrumbInputs`.
#[repr(C)]
struct RawInputs {
    s_tdata: [u8; MAX_STREAM_BYTES],
    s_tvalid: u8,
    s_tlast: u8,
    m_tready: u8,
}

/// `CrumbOutputs`.
#[repr(C)]
#[derive(Default)]
struct RawOutputs {
    m_tdata: [u8; MAX_STREAM_BYTES],
    s_tready: u8,
    m_tvalid: u8,
    m_tlast: u8,
    error: u8,
    idle: u8,
}

/// `CrumbInstance`, opaque.
#[repr(C)]
struct RawInstance {
    _opaque: [u8; 0],
}

/// `CrumbModel`.
#[repr(C)]
struct RawModel {
    stream_bits: u32,
    create: unsafe extern "C" fn(c_int) -> *mut RawInstance,
    enter: unsafe extern "C" fn(*mut RawInstance),
    leave: unsafe extern "C" fn(),
    build: unsafe extern "C" fn(*mut RawInstance),
    settle: unsafe extern "C" fn(*mut RawInstance, *const RawInputs, *mut RawOutputs),
    set_clock: unsafe extern "C" fn(*mut RawInstance, u8),
    trace: unsafe extern "C" fn(*mut RawInstance, *mut VcdC) -> u8,
    destroy: unsafe extern "C" fn(*mut RawInstance),
}

type Entry = unsafe extern "C" fn() -> *const RawModel;

/// Declares the entry functions that the build script linked in, and lists them by name.
macro_rules! models {
    ($($feature:literal: $($config:ident = $entry:ident),+;)+) => {
        unsafe extern "C" {
            $($(#[cfg(feature = $feature)] fn $entry() -> *const RawModel;)+)+
        }

        const MODELS: &[(&str, Entry)] = &[
            $($(#[cfg(feature = $feature)] (stringify!($config), $entry),)+)+
        ];
    };
}

models! {
    "tiny": tiny = crumb_cosim_tiny;
    "small": small = crumb_cosim_small;
    "wide": wide = crumb_cosim_wide;
    "medium": medium = crumb_cosim_medium;
    "large": large = crumb_cosim_large;
    "huge": huge = crumb_cosim_huge;
    "loopback":
        loopback32 = crumb_cosim_loopback32, loopback64 = crumb_cosim_loopback64,
        loopback128 = crumb_cosim_loopback128, loopback256 = crumb_cosim_loopback256;
}

/// The configurations linked in.
pub(crate) fn available() -> Vec<&'static str> {
    MODELS.iter().map(|(config, _)| *config).collect()
}

/// A circuit.
pub(crate) struct Circuit {
    model: &'static RawModel,
    /// Created by `model.create`, used with no other model; owned, not shared between threads.
    instance: NonNull<RawInstance>,
    /// Declared after nothing it depends on; closed in `drop`, before the instance it samples.
    vcd: Option<Vcd>,
    stream_bytes: usize,
}

impl Circuit {
    /// Builds a circuit whose undefined registers start as `undefined` says; none if the configuration is not linked in.
    pub(crate) fn new(config: &str, undefined: RandomMode, seed: i32) -> Option<Self> {
        let (_, entry) = MODELS.iter().find(|(name, _)| *name == config)?;
        // SAFETY: the entry returns the address of a constant with the layout of `RawModel`, which lives for ever.
        let model: &'static RawModel = unsafe { &*entry() };
        // SAFETY: `create` has no precondition but a seed other than 0, and returns an instance that we own.
        let instance = NonNull::new(unsafe { (model.create)(seed.max(1)) })?;
        // SAFETY: the instance is alive and of this model. Between `enter` and `leave` the functions of `verilated`
        // act on its context and nothing in between can unwind, so `leave` is always reached.
        unsafe {
            (model.enter)(instance.as_ptr());
            verilated::set_rand_reset(undefined);
            verilated::trace_ever_on(cfg!(any(feature = "trace", feature = "loopback-trace")));
            (model.build)(instance.as_ptr());
            (model.leave)();
        }
        let stream_bytes = model.stream_bits as usize / 8;
        assert!(stream_bytes <= MAX_STREAM_BYTES, "the shim refuses wider streams at compile time");
        Some(Self { model, instance, vcd: None, stream_bytes })
    }

    pub(crate) const fn stream_bytes(&self) -> usize {
        self.stream_bytes
    }

    pub(crate) fn settle(&mut self, inputs: &Inputs) -> Outputs {
        let raw = RawInputs {
            s_tdata: *inputs.s_tdata.padded(),
            s_tvalid: inputs.s_tvalid.into(),
            s_tlast: inputs.s_tlast.into(),
            m_tready: inputs.m_tready.into(),
        };
        let mut outputs = RawOutputs::default();
        // SAFETY: the instance is alive, built and of this model; both structs have the layout of `cpp/shim.h` and
        // outlive the call.
        unsafe { (self.model.settle)(self.instance.as_ptr(), &raw const raw, &raw mut outputs) };
        Outputs {
            s_tready: outputs.s_tready != 0,
            m_tvalid: outputs.m_tvalid != 0,
            m_tlast: outputs.m_tlast != 0,
            m_tdata: Data::new(&outputs.m_tdata[..self.stream_bytes]),
            error: outputs.error,
            idle: outputs.idle != 0,
        }
    }

    pub(crate) fn set_clock(&mut self, level: bool) {
        // SAFETY: the instance is alive, built and of this model.
        unsafe { (self.model.set_clock)(self.instance.as_ptr(), level.into()) };
    }

    /// Starts a waveform; false if the model was compiled without tracing.
    pub(crate) fn trace(&mut self, path: &Path) -> std::io::Result<bool> {
        let mut vcd = Vcd::default();
        // SAFETY: the instance is alive, built and of this model; the writer is alive and not open yet. It is kept in
        // `self.vcd` and closed before the instance is destroyed, or dropped right here without having been opened.
        let attached = unsafe { (self.model.trace)(self.instance.as_ptr(), vcd.0) };
        if attached == 0 {
            return Ok(false);
        }
        vcd.open(path)?;
        self.vcd = Some(vcd);
        Ok(true)
    }

    pub(crate) const fn is_traced(&self) -> bool {
        self.vcd.is_some()
    }

    /// Writes the values of this moment into the waveform, if there is one.
    pub(crate) fn dump(&mut self, nanoseconds: u64) {
        if let Some(vcd) = &mut self.vcd {
            vcd.dump(nanoseconds);
        }
    }
}

impl Drop for Circuit {
    fn drop(&mut self) {
        self.vcd = None;
        // SAFETY: the instance is alive and of this model, the waveform was closed above, and nothing uses it afterwards.
        unsafe { (self.model.destroy)(self.instance.as_ptr()) };
    }
}
