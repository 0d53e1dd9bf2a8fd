"""Makes tests/fixtures/*.onnx with inputs and the outputs of onnxruntime, for tests/onnx_fixtures.rs.

    python -m venv venv && venv/bin/pip install onnx==1.23.2 onnxruntime==1.31.1 numpy
    venv/bin/python make_onnx_fixtures.py

Each model runs twice, with graph optimisation and without. Expected is the optimised run (integer kernels); for models
marked EXACT (scales are powers of two, so that float32 sums are exact) both runs must be equal. A model whose layers
onnxruntime should have fused to integer kernels is checked for having been.
"""

import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent / "fixtures"
HERE.mkdir(exist_ok=True)
F32, U8, I8, I32 = TensorProto.FLOAT, np.uint8, np.int8, np.int32


class Model:
    """A QDQ model, built node by node."""

    def __init__(self, name, seed, opset=17, ir=8, constants="initializer"):
        self.name, self.opset, self.ir, self.constants = name, opset, ir, constants
        self.rng = np.random.default_rng(seed)
        self.nodes, self.inits, self.count = [], [], 0

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def const(self, array, stem="c"):
        name, array = self.fresh(stem), np.asarray(array)
        if self.constants == "node":
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        elif self.constants == "typed":
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self.inits.append(helper.make_tensor(name, kind, array.shape, array.flatten().tolist()))
        else:
            self.inits.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op, inputs, **attributes):
        name = self.fresh(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name, **attributes))
        return name + "_out"

    def quantizer(self, scale, zero, dtype):
        return [self.const(np.asarray(scale, np.float32), "scale"), self.const(np.asarray(zero, dtype), "zero")]

    def q(self, x, scale, zero, dtype, **attributes):
        return self.node("QuantizeLinear", [x, *self.quantizer(scale, zero, dtype)], **attributes)

    def dq(self, x, scale, zero, dtype, **attributes):
        return self.node("DequantizeLinear", [x, *self.quantizer(scale, zero, dtype)], **attributes)

    def qdq(self, x, scale, zero, dtype):
        params = self.quantizer(scale, zero, dtype)
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *params]), *params])

    def weights(self, shape, scale, zero=0, dtype=I8, axis=0):
        low, high = (0, 256) if dtype is U8 else (-127, 128)
        values = self.const(self.rng.integers(low, high, shape).astype(dtype), "weight")
        if np.ndim(scale) == 0:
            return self.dq(values, scale, zero, dtype)
        return self.dq(values, scale, np.full(len(scale), zero), dtype, axis=axis)

    def bias(self, n, x_scale, w_scale, spread=2000, shape=None):
        scale = np.float32(x_scale) * np.asarray(w_scale, np.float32)
        values = self.const(self.rng.integers(-spread, spread, n).astype(I32).reshape(shape or [n]), "bias")
        params = [self.const(np.asarray(scale, np.float32), "scale")]
        return self.node("DequantizeLinear", [values, *params], **({} if np.ndim(scale) == 0 else {"axis": 0}))

    def save(self, y, in_shape, run_shape, out_rank, exact=False, fused=(), x_range=(-1.0, 1.0), y_type=F32, model=None):
        if model is None:
            x_info = helper.make_tensor_value_info("x", F32, in_shape)
            y_info = helper.make_tensor_value_info(y, y_type, [None] * out_rank)
            graph = helper.make_graph(self.nodes, self.name, [x_info], [y_info], self.inits)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=self.ir)
            onnx.checker.check_model(model)
        path = HERE / f"{self.name}.onnx"
        onnx.save(model, path)
        x = self.rng.uniform(*x_range, run_shape).astype(np.float32)
        outputs = {}
        for level in (ort.GraphOptimizationLevel.ORT_ENABLE_ALL, ort.GraphOptimizationLevel.ORT_DISABLE_ALL):
            options = ort.SessionOptions()
            options.graph_optimization_level = level
            options.log_severity_level = 3
            if level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL:
                optimised = pathlib.Path(tempfile.mkdtemp()) / "optimised.onnx"
                options.optimized_model_filepath = str(optimised)
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            outputs[level] = session.run(None, {session.get_inputs()[0].name: x})[0]
        kinds = {node.op_type for node in onnx.load(optimised).graph.node}
        on, off = outputs.values()
        same = np.array_equal(on, off)
        print(f"{self.name:24} {str(on.shape):18} equal without optimisation: {same}  {sorted(kinds)}")
        assert same or not exact, self.name
        assert set(fused) <= kinds, (self.name, kinds)
        np.save(HERE / f"{self.name}.input.npy", x)
        np.save(HERE / f"{self.name}.output.npy", np.ascontiguousarray(on))


def conv(name, seed, *, x=(0.011, 0, U8), y=(0.09, 0, U8), channels=(3, 8), kernel=(3, 3), group=1, per_channel=True,
         bias=True, relu=False, size=(9, 7), x_range=(-1.0, 3.0), exact=False, w_zero=0, w_type=I8, fused=("QLinearConv",),
         opset=17, constants="initializer", two_pow=False, **attributes):
    m = Model(name, seed, opset, constants=constants)
    cin, cout = channels
    w_scale = m.rng.uniform(0.002, 0.02, cout).astype(np.float32) if per_channel else np.float32(0.013)
    if two_pow:
        w_scale = np.float32(2.0) ** m.rng.integers(-9, -6, cout).astype(np.float32) if per_channel else np.float32(2**-7)
    inputs = [m.qdq("x", *x), m.weights((cout, cin // group, *kernel), w_scale, w_zero, w_type)]
    if bias:
        inputs.append(m.bias(cout, x[0], w_scale))
    out = m.node("Conv", inputs, kernel_shape=list(kernel), group=group, **attributes)
    out = m.node("Relu", [out]) if relu else out
    out = m.qdq(out, *y) if y else out
    m.save(out, ["batch", cin, *size], (3, cin, *size), 4, exact=exact, fused=fused if y else (), x_range=x_range)


def gemm(name, seed, *, x=(0.011, 0, U8), y=None, k=37, n=10, trans_b=1, per_channel=False, bias=True, relu=False,
         fused=("QGemm",), exact=False, x_range=(-1.0, 3.0), bias_shape=None):
    m = Model(name, seed)
    w_scale = m.rng.uniform(0.002, 0.02, n).astype(np.float32) if per_channel else np.float32(0.013)
    weights = m.weights((n, k) if trans_b else (k, n), w_scale, axis=0 if trans_b else 1)
    inputs = [m.qdq("x", *x), weights]
    if bias:
        inputs.append(m.bias(n, x[0], w_scale, shape=bias_shape))
    out = m.node("Gemm", inputs, transB=trans_b)
    out = m.node("Relu", [out]) if relu else out
    out = m.qdq(out, *y) if y else out
    m.save(out, ["batch", k], (3, k), 2, fused=fused, exact=exact, x_range=x_range)


conv("conv_pad", 1, pads=[1, 1, 1, 1])
conv("conv_relu", 2, relu=True, pads=[1, 1, 1, 1])
conv("conv_stride", 3, strides=[2, 2], pads=[1, 0, 2, 1])
conv("conv_dilation", 4, dilations=[2, 1], strides=[1, 2], pads=[2, 1, 2, 1])
conv("conv_group", 5, channels=(4, 6), group=2, pads=[1, 1, 1, 1])
conv("conv_depthwise", 6, channels=(6, 6), group=6, strides=[2, 1], pads=[1, 1, 1, 1])
conv("conv_zero_point", 7, x=(0.017, 113, U8), y=(0.11, 131, U8), pads=[1, 1, 1, 1], x_range=(-2.0, 2.4))
conv("conv_zero_point_relu", 8, x=(0.017, 113, U8), y=(2**-4, 31, U8), relu=True, pads=[1, 1, 1, 1], x_range=(-2.0, 2.4),
     fused=())
conv("conv_signed", 9, x=(0.009, 0, I8), y=(0.07, 0, I8), pads=[1, 1, 1, 1])
conv("conv_signed_zero_point", 10, x=(0.012, -7, I8), y=(0.07, 19, I8), per_channel=False, pads=[1, 1, 1, 1])
conv("conv_signed_relu", 11, x=(0.012, -128, I8), y=(0.07, -128, I8), relu=True, pads=[1, 1, 1, 1], x_range=(0.0, 3.0))
conv("conv_signed_relu_kept", 12, x=(2**-6, 0, I8), y=(2**-4, 0, I8), relu=True, two_pow=True, exact=True, fused=())
conv("conv_float_output", 13, x=(2**-7, 17, U8), y=None, two_pow=True, exact=True, pads=[1, 1, 1, 1])
conv("conv_float_output_relu", 14, x=(2**-7, 0, U8), y=None, relu=True, two_pow=True, exact=True)
conv("conv_same_upper", 15, auto_pad="SAME_UPPER", strides=[2, 2], kernel=(4, 3))
conv("conv_same_lower", 16, auto_pad="SAME_LOWER", strides=[2, 2], kernel=(4, 3))
conv("conv_valid", 17, auto_pad="VALID", kernel=(2, 5), bias=False)
conv("conv_pointwise", 18, kernel=(1, 1), channels=(16, 12), bias=False)
conv("conv_unsigned_weights", 19, x=(0.017, 9, U8), w_type=U8, w_zero=119, per_channel=False, pads=[1, 1, 1, 1])
conv("conv_weight_zero_point", 20, x=(2**-7, 5, U8), y=(2**-3, 3, U8), w_zero=11, two_pow=True, per_channel=False,
     exact=True, fused=(), pads=[1, 1, 1, 1])
conv("conv_typed_fields", 21, constants="typed", pads=[1, 1, 1, 1])
conv("conv_constant_nodes", 22, constants="node", pads=[1, 1, 1, 1])
conv("conv_opset13", 23, opset=13)
conv("conv_opset21", 24, opset=21)
conv("conv_opset10", 25, opset=10, per_channel=False, x=(2**-6, 2, U8), y=(2**-3, 3, U8), two_pow=True, exact=True, fused=())
conv("conv_opset25", 26, opset=25)

gemm("gemm_float", 31)
gemm("gemm_float_channels", 32, per_channel=True)
gemm("gemm_trans_b0", 33, trans_b=0)
gemm("gemm_trans_b0_channels", 34, trans_b=0, per_channel=True, bias=False)
gemm("gemm_quantized", 35, y=(0.05, 0, U8), relu=True)
gemm("gemm_zero_point", 36, x=(0.017, 113, U8), y=(0.05, 97, U8), x_range=(-2.0, 2.4))
gemm("gemm_signed", 37, x=(0.009, 3, I8), y=(0.03, -5, I8), per_channel=True)
gemm("gemm_row_bias", 38, bias_shape=(1, 10))

for axis in (0, 1, 2, 3, 4, -1, -2, -4):
    m = Model(f"flatten_{axis}".replace("-", "minus"), 50 + axis)
    x = m.qdq("x", 0.011, 7, U8)
    y = m.qdq(m.node("Flatten", [x], axis=axis), 0.011, 7, U8)
    m.save(y, ["batch", 2, 3, 4], (3, 2, 3, 4), 2, exact=True, x_range=(-1.0, 3.0))

m = Model("flatten_to_gemm", 60)
x = m.node("Flatten", [m.qdq("x", 0.011, 0, U8)])
y = m.node("Gemm", [m.qdq(x, 0.011, 0, U8), m.weights((5, 24), 0.013), m.bias(5, 0.011, 0.013)], transB=1)
m.save(y, ["batch", 2, 3, 4], (3, 2, 3, 4), 2, fused=("QGemm",), x_range=(-1.0, 3.0))

m = Model("relu_between", 61)
y = m.qdq(m.node("Relu", [m.qdq("x", 0.011, 40, U8)]), 0.007, 3, U8)
m.save(y, ["batch", 50], (3, 50), 2, exact=True, x_range=(-1.0, 3.0))

m = Model("relu_float", 62)
y = m.q(m.node("Relu", ["x"]), 0.0137, 0, I8)
m.save(y, ["batch", 50], (3, 50), 2, exact=True, y_type=TensorProto.INT8)

m = Model("quantize_axis", 63)
scales = m.rng.uniform(0.005, 0.02, 4).astype(np.float32)
y = m.dq(m.q("x", scales, [0, 3, 128, 255], U8, axis=-2), scales, [0, 3, 128, 255], U8, axis=1)
m.save(y, ["batch", 4, 9], (3, 4, 9), 3, exact=True, x_range=(-2.0, 3.0))

m = Model("quantize_output_dtype", 64, opset=21, ir=10)
scale = m.const(np.float32(0.02), "scale")
y = m.node("DequantizeLinear", [m.node("QuantizeLinear", ["x", scale], output_dtype=TensorProto.INT8), scale])
m.save(y, ["batch", 40], (3, 40), 2, exact=True, x_range=(-3.0, 3.0))

m = Model("float_weights", 65)
w = m.qdq(m.const(m.rng.normal(0, 0.3, (6, 3, 3, 3)).astype(np.float32)), 0.01, 0, I8)
y = m.qdq(m.node("Conv", [m.qdq("x", 0.011, 0, U8), w]), 0.03, 0, U8)
m.save(y, ["batch", 3, 6, 6], (3, 3, 6, 6), 4, fused=("QLinearConv",), x_range=(-1.0, 3.0))

m = Model("flatten_dequantized", 66)  # nothing requantizes between Conv, Flatten and Gemm
x = m.qdq("x", 2**-7, 0, U8)
a = m.node("Conv", [x, m.weights((4, 3, 3, 3), 2**-7), m.bias(4, 2**-7, 2**-7)], pads=[1, 1, 1, 1])
a = m.qdq(a, 2**-4, 12, U8)
b = m.qdq(m.node("Conv", [a, m.weights((4, 4, 1, 1), 2**-7)]), 2**-3, 100, U8)
c = m.node("Gemm", [m.node("Flatten", [b]), m.weights((6, 4 * 25), 2**-6)], transB=1)
m.save(c, ["batch", 3, 5, 5], (3, 3, 5, 5), 2, exact=True, x_range=(-1.0, 3.0))


def static_cnn(name, seed, activation, weight):
    """A float CNN through onnxruntime's own quantizer: what users have."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    m = Model(name, seed)
    normal = lambda *shape: m.const(m.rng.normal(0, 0.3, shape).astype(np.float32), "weight")
    y = m.node("Relu", [m.node("Conv", ["x", normal(8, 1, 3, 3), normal(8)], pads=[1, 1, 1, 1])])
    y = m.node("Relu", [m.node("Conv", [y, normal(12, 8, 3, 3), normal(12)], strides=[2, 2], pads=[1, 1, 1, 1])])
    y = m.node("Relu", [m.node("Conv", [y, normal(12, 6, 3, 3), normal(12)], group=2)])
    y = m.node("Gemm", [m.node("Flatten", [y]), normal(10, 48), normal(10)], transB=1)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(m.nodes, name, [info("x", F32, ["batch", 1, 8, 8])], [info(y, F32, ["batch", 10])], m.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.data = iter([{"x": m.rng.uniform(0, 1, (1, 1, 8, 8)).astype(np.float32)} for _ in range(8)])

        def get_next(self):
            return next(self.data, None)

    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/float.onnx", f"{folder}/int8.onnx"
        onnx.save(model, source)
        quantize_static(source, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=activation, weight_type=weight)
        m.save(None, None, (3, 1, 8, 8), 2, x_range=(0.0, 1.0), model=onnx.load(target))


def refused(name, build):
    """A valid model that the importer does not take; its text is in onnx_errors.rs."""
    m = Model(name, 99)
    y, in_shape, rank = build(m)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(m.nodes, name, [info("x", F32, in_shape)], [info(y, F32, [None] * rank)], m.inits)
    (HERE / "refused").mkdir(exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / "refused" / f"{name}.onnx")


def small_gemm(m, bias=None, **attributes):
    inputs = [m.qdq("x", 0.5, 0, U8), m.weights((2, 3), 0.25)] + ([bias] if bias else [])
    return m.node("Gemm", inputs, transB=1, **attributes), ["batch", 3], 2


def wrong_bias(m):
    return m.dq(m.const(np.array([1, 2], I32)), 0.5, 0, I32)


def computed_scale(m):
    zero = m.const(np.uint8(0), "zero")
    return m.node("DequantizeLinear", [m.q("x", 0.5, 0, U8), m.node("Relu", ["x"]), zero]), [], 0


def axis_input(m):
    x = m.q("x", [0.5, 0.5, 0.25], [0, 0, 0], U8, axis=1)
    x = m.dq(x, [0.5, 0.5, 0.25], [0, 0, 0], U8, axis=1)
    return m.node("Gemm", [x, m.weights((2, 3), 0.25)], transB=1), ["batch", 3], 2


refused("float_bias", lambda m: small_gemm(m, m.const(np.array([0.5, 1.5], np.float32), "bias")))
refused("wrong_bias_scale", lambda m: small_gemm(m, wrong_bias(m)))
refused("alpha", lambda m: small_gemm(m, alpha=0.5))
refused("trans_a", lambda m: small_gemm(m, transA=1))
refused("overflow", lambda m: small_gemm(m, m.dq(m.const(np.array([1, 2**31 - 1], I32)), 0.125, 0, I32)))
refused("computed_scale", computed_scale)
refused("axis_input", axis_input)
refused("weight_axis", lambda m: (
    m.node("Conv", [m.qdq("x", 0.5, 0, U8), m.weights((2, 3, 1, 1), [0.25] * 3, axis=1)]), [1, 3, 9, 9], 4))
refused("wrong_channels", lambda m: (
    m.node("Conv", [m.qdq("x", 0.5, 0, U8), m.weights((2, 4, 1, 1), 0.25)]), [1, 3, 9, 9], 4))

from onnxruntime.quantization import QuantType  # noqa: E402

static_cnn("cnn_static_u8", 70, QuantType.QUInt8, QuantType.QInt8)
static_cnn("cnn_static_s8", 71, QuantType.QInt8, QuantType.QInt8)
