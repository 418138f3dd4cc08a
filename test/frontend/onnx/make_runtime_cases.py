"""Makes runtime-cases.json: single operators as ONNX Runtime computes them (numpy, onnx, onnxruntime).

Operators of com.microsoft, which no conformance suite has, and uses of ai.onnx that its suite leaves out: quantised
convolutions, recurrent networks with sequence lengths, older versions of Resize. Written with onnx 1.23.2 and onnxruntime 1.32.0.
"""

import base64
import json
import os

import numpy as np
import onnxruntime as ort
from onnx import helper as H
from onnx import numpy_helper as NH

MS = "com.microsoft"
rng = np.random.default_rng(3)
ort.set_default_logger_severity(4)
cases = []


def packed(a):
    names = {"float32": "f32", "uint8": "u8", "int8": "i8", "int32": "i32", "int64": "i64"}
    return {"dtype": names[a.dtype.name], "shape": list(a.shape), "data": base64.b64encode(a.tobytes()).decode()}


def case(name, op, ins, nout=1, domain=MS, consts=(), opset=17, **attrs):
    """Operands (None: left out), outputs as a count or as names; operands at `consts` become initializers."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(ins)]
    outs = [f"y{i}" for i in range(nout)] if isinstance(nout, int) else nout
    node = H.make_node(op, names, outs, domain=domain, name="n", **attrs)
    given = [(n, a) for i, (n, a) in enumerate(zip(names, ins)) if a is not None and i not in consts]
    inputs = [H.make_tensor_value_info(n, H.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in given]
    init = [NH.from_array(ins[i], names[i]) for i in consts]
    graph = H.make_graph([node], "g", inputs, [H.make_empty_tensor_value_info(o) for o in outs if o], init)
    opsets = [H.make_opsetid("", opset), H.make_opsetid(MS, 1)]
    bytes_ = H.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(bytes_, options, providers=["CPUExecutionProvider"])
    results = session.run(None, dict(given))
    cases.append(
        {
            "name": name,
            "model": base64.b64encode(bytes_).decode(),
            "inputs": [packed(a) for _, a in given],
            "outputs": [packed(a) for a in results],
        }
    )


def f(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def u8(*shape):
    return rng.integers(0, 256, shape).astype(np.uint8)


def i8(*shape):
    return rng.integers(-128, 128, shape).astype(np.int8)


def i32(values):
    return np.array(values, np.int32)


def one(value, dtype=np.float32):
    return np.array(value, dtype)


def quantised(scale, zero):
    return [one(scale), one(zero, np.uint8)]


B, S, N, D = 2, 5, 3, 4
W = N * D


def three():
    return [f(B, S, W), f(B, S, W), f(B, S, W)]


def projection():
    return [f(B, S, 8), f(8, 3 * W), f(3 * W)]


# Attention operators of com.microsoft.
mask = [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]
case("mha", "MultiHeadAttention", [f(B, S, W), f(B, 7, W), f(B, 7, W)], num_heads=N)
case("mha_bias_mask", "MultiHeadAttention", [*three(), f(3 * W), i32(mask)], num_heads=N)
case("mha_lengths", "MultiHeadAttention", [*three(), None, i32([3, 5])], num_heads=N)
past = [f(1, N, S, S + 2), f(B, N, 2, D), f(B, N, 2, D)]
case("mha_past", "MultiHeadAttention", [*three(), None, None, *past], 3, num_heads=N, unidirectional=1)
case("mha_4d", "MultiHeadAttention", [f(B, S, W), f(B, N, 6, D), f(B, N, 6, D)], num_heads=N)
case("attention", "Attention", projection(), num_heads=N)
case("attention_causal", "Attention", [*projection(), i32(mask)], num_heads=N, unidirectional=1)
case("attention_lengths", "Attention", [*projection(), i32([3, 5])], num_heads=N)
case("attention_3d_mask", "Attention", [*projection(), i32(rng.integers(0, 2, (B, S, S)))], num_heads=N)
cached = [f(B, 1, 8), f(8, 3 * W), f(3 * W), i32(np.ones((B, 5))), f(2, B, N, 4, D)]
case("attention_past", "Attention", cached, 2, num_heads=N, unidirectional=1)
case("attention_bias", "Attention", [*projection(), None, None, f(B, N, S, S)], num_heads=N)

H16 = 16
for rotary, interleaved in ((0, 0), (1, 0), (1, 1)):
    angles = [f(16, H16 // 2), f(16, H16 // 2)] if rotary else []
    attrs = {"num_heads": 4, "kv_num_heads": 2, "do_rotary": rotary, "rotary_interleaved": interleaved}
    name = f"gqa_{rotary}{interleaved}"

    def block(rows):
        return [f(B, rows, 4 * H16), f(B, rows, 2 * H16), f(B, rows, 2 * H16)]

    first = [*block(S), None, None, i32([S - 1] * B), i32(S), *angles]
    case(f"{name}_first", "GroupQueryAttention", first, 3, consts=(5, 6), **attrs)
    for kind, lengths in (("next", [6, 6]), ("ragged", [4, 6])):
        later = [*block(1), f(B, 2, 6, H16), f(B, 2, 6, H16), i32(lengths), i32(7), *angles]
        case(f"{name}_{kind}", "GroupQueryAttention", later, 3, consts=(6,), **attrs)
whole = [f(B, S, 64), f(B, S, 32), f(B, S, 32), None, None, i32([S - 1] * B), i32(S)]
case("gqa_window", "GroupQueryAttention", whole, 3, consts=(5, 6), num_heads=4, kv_num_heads=2, local_window_size=3)
case("gqa_softcap", "GroupQueryAttention", whole, 3, consts=(5, 6), num_heads=4, kv_num_heads=2, softcap=2.0)
places = np.tile(np.arange(S), (B, 1)).astype(np.int64)
case("rotary", "RotaryEmbedding", [f(B, S, 2 * 8), places, f(16, 4), f(16, 4)])
case("rotary_offset", "RotaryEmbedding", [f(B, 2, S, 8), one([3], np.int64), f(16, 4), f(16, 4)], interleaved=1)

# Fused normalisations, activations and products.
case("skip_ln", "SkipLayerNormalization", [f(B, S, 8), f(B, S, 8), f(8), f(8), f(8)], ["y", "", "", "s"], epsilon=1e-5)
case("skip_ln_broadcast", "SkipLayerNormalization", [f(B, S, 8), f(1, S, 8), f(8)])
case("skip_rms", "SkipSimplifiedLayerNormalization", [f(B, S, 8), f(B, S, 8), f(8), f(8)], ["y", "", "", "s"])
case("rms", "SimplifiedLayerNormalization", [f(B, S, 8), f(8)], domain="", axis=-1, epsilon=1e-6)
ids = [i32(rng.integers(0, 9, (B, S))), i32(rng.integers(0, 2, (B, S)))]
case("embed_ln", "EmbedLayerNormalization", [*ids, f(9, 8), f(12, 8), f(2, 8), f(8), f(8), i32(mask)], 2)
case("bias_gelu", "BiasGelu", [f(B, S, 8), f(8)])
case("fast_gelu", "FastGelu", [f(B, S, 8), f(8)])
case("gelu", "Gelu", [f(B, S, 8)])
case("quick_gelu", "QuickGelu", [f(B, S, 8)], alpha=1.3)
case("fused_matmul", "FusedMatMul", [f(2, 4, 3), f(2, 5, 4)], transA=1, transB=1, alpha=0.5)
case("fused_matmul_batch", "FusedMatMul", [f(4, 2, 3), f(2, 3, 5)], transBatchA=1)
weights = [f(8, 4, 3, 3), f(8)]
case("fused_conv", "FusedConv", [f(1, 4, 6, 6), *weights], activation="Relu", pads=[1, 1, 1, 1])
case("fused_conv_sum", "FusedConv", [f(1, 4, 6, 6), *weights, f(1, 8, 6, 6)], activation="Relu", pads=[1, 1, 1, 1])
leaky = {"activation": "LeakyRelu", "activation_alpha": 0.2}
case("fused_gemm", "FusedGemm", [f(4, 3), f(5, 3), f(5)], **leaky, transB=1, alpha=0.5, beta=2.0)
K, F, BLOCK = 40, 6, 16
for bits in (4, 8):
    blocks = (K + BLOCK - 1) // BLOCK
    weight = u8(F, blocks, BLOCK * bits // 8)
    scale = (rng.random(F * blocks) * 0.1).astype(np.float32)
    zeros = u8(F * ((blocks * bits + 7) // 8))
    attrs = {"K": K, "N": F, "bits": bits, "block_size": BLOCK}
    case(f"matmul_{bits}bits", "MatMulNBits", [f(3, K), weight, scale], consts=(1, 2), **attrs)
    case(f"matmul_{bits}bits_zeros", "MatMulNBits", [f(3, K), weight, scale, zeros], consts=(1, 2, 3), **attrs)

# Quantised operators.
first, second, result = quantised(0.02, 120), quantised(0.03, 100), quantised(0.05, 128)
case("qlinear_add", "QLinearAdd", [u8(2, 5), *first, u8(2, 5), *second, *result])
case("qlinear_mul", "QLinearMul", [u8(2, 5), *first, u8(5), *second, *result])
case("qlinear_sigmoid", "QLinearSigmoid", [u8(2, 50), *first, *quantised(1 / 256, 0)])
case("qlinear_leaky", "QLinearLeakyRelu", [u8(2, 50), *first, *first], alpha=0.1)
case("qlinear_pool", "QLinearGlobalAveragePool", [u8(1, 3, 5, 5), *first, *first])
case("qlinear_concat", "QLinearConcat", [*first, u8(2, 5), *second, u8(2, 3), *quantised(0.01, 0)], axis=1)
scalars = [one(0.02), one(0.03), one(100, np.uint8), one(3, np.int8)]
case("integer_to_float", "MatMulIntegerToFloat", [u8(3, 8), i8(8, 5), *scalars, f(5)])
columns = [one(0.02), rng.random(5).astype(np.float32), one(100, np.uint8), i8(5)]
case("integer_to_float_columns", "MatMulIntegerToFloat", [u8(3, 8), i8(8, 5), *columns])
case("dynamic_matmul", "DynamicQuantizeMatMul", [f(3, 8), i8(8, 5), one(0.03), one(3, np.int8), f(5)])
for k, (x, w) in enumerate([(u8, u8), (u8, i8), (i8, i8)]):
    kinds = {u8: np.uint8, i8: np.int8}
    zero = one(7, kinds[x])
    operands = [x(1, 4, 6, 7), one(0.02), zero, w(6, 2, 3, 3), one(0.03), one(3, kinds[w]), one(1.7), zero]
    bias = rng.integers(-500, 500, 6).astype(np.int32)
    case(f"qlinear_conv{k}", "QLinearConv", [*operands, bias], domain="", group=2, pads=[1, 0, 1, 2], strides=[2, 1])
    scales = rng.random(6).astype(np.float32)
    operands = [x(2, 4, 6, 7), one(0.02), zero, w(6, 4, 3, 3), scales, np.zeros(6, kinds[w]), one(20.0), zero]
    case(f"qlinear_conv{k}_filters", "QLinearConv", operands, domain="", pads=[1, 1, 1, 1], consts=tuple(range(1, 8)))
zeros = [one(9, np.uint8), one(4, np.uint8)]
case("conv_integer", "ConvInteger", [u8(1, 3, 6, 6), u8(5, 3, 3, 3), *zeros], domain="", pads=[1, 1, 1, 1])
case("matmul_integer", "MatMulInteger", [u8(2, 3, 8), i8(8, 5), zeros[0], i8(5)], domain="")
scale = (rng.random(5) * 0.1).astype(np.float32)
operands = [u8(3, 8), one(0.02), zeros[0], i8(8, 5), scale, i8(5), one(0.3), one(100, np.uint8)]
case("qlinear_matmul", "QLinearMatMul", operands, domain="")

# Recurrent networks.
I, C = 3, 4
for direction in ("forward", "reverse", "bidirectional"):
    d = 2 if direction == "bidirectional" else 1
    for suffix, lengths in (("", None), ("_lengths", i32([2, 5]))):
        attrs = {"domain": "", "direction": direction, "hidden_size": C}

        def cell(gates):
            return [f(S, B, I), f(d, gates * C, I), f(d, gates * C, C), f(d, 2 * gates * C), lengths, f(d, B, C)]

        name = f"{direction}{suffix}"
        case(f"lstm_{name}", "LSTM", [*cell(4), f(d, B, C), f(d, 3 * C)], 3, clip=1.5, **attrs)
        for before in (0, 1):
            case(f"gru_{name}_{before}", "GRU", cell(3), 2, linear_before_reset=before, **attrs)
        case(f"rnn_{name}", "RNN", cell(1), 2, activations=["Relu", "Tanh"][:d], **attrs)
odd = {"activations": ["HardSigmoid", "Softsign", "Elu"], "activation_alpha": [0.3, 0.7], "activation_beta": [0.4]}
weights = [f(1, 4 * C, I), f(1, 4 * C, C)]
case("lstm_input_forget", "LSTM", [f(S, B, I), *weights], 3, domain="", hidden_size=C, input_forget=1, **odd)

# Older versions, rounding up, derived padding.
def factors(*values):
    return np.array(values, np.float32)


image = f(1, 2, 5, 6)
case("resize10_nearest", "Resize", [image, factors(1, 1, 2, 0.5)], domain="", consts=(1,), opset=10, mode="nearest")
case("resize10_linear", "Resize", [image, factors(1, 1, 2.5, 0.6)], domain="", consts=(1,), opset=10, mode="linear")
case("upsample9", "Upsample", [image, factors(1, 1, 2, 3)], domain="", consts=(1,), opset=9, mode="linear")
for coordinates in ("half_pixel", "pytorch_half_pixel", "asymmetric"):
    for mode in ("nearest", "linear", "cubic"):
        operands = [image, factors(), factors(1, 1, 1.6, 0.7)]
        attrs = {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": "floor"}
        case(f"resize11_{coordinates}_{mode}", "Resize", operands, domain="", consts=(1, 2), opset=11, **attrs)
case("batch_norm9", "BatchNormalization", [f(2, 3, 4), f(3), f(3), f(3), np.abs(f(3))], domain="", opset=9)
case("softmax11", "Softmax", [f(2, 3, 4)], domain="", opset=11, axis=1)
window = {"pads": [1, 0, 1, 1], "ceil_mode": 1, "domain": ""}
plane = f(1, 2, 7, 8)
case("max_pool_ceil", "MaxPool", [plane], 2, kernel_shape=[3, 2], strides=[2, 3], dilations=[1, 2], **window)
for counted in (0, 1):
    attrs = {"kernel_shape": [3, 3], "strides": [2, 3], "count_include_pad": counted, "opset": 19}
    case(f"average_pool_ceil{counted}", "AveragePool", [plane], **attrs, **window)
attrs = {"group": 2, "strides": [2, 3], "pads": [1, 0, 1, 2], "output_padding": [1, 0], "dilations": [1, 2]}
case("conv_transpose", "ConvTranspose", [f(1, 4, 5, 6), f(4, 3, 3, 3), f(6)], domain="", **attrs)
same = {"strides": [2, 3], "auto_pad": "SAME_LOWER"}
case("conv_transpose_same", "ConvTranspose", [f(1, 4, 5, 6), f(4, 3, 3, 3)], domain="", **same)
case("einsum_pair", "Einsum", [f(2, 3, 4, 5), f(3, 6, 5)], domain="", equation="bhie,hje->bhij")
case("einsum_diagonal", "Einsum", [f(3, 3), f(3)], domain="", equation="ii,i")
case("einsum_three", "Einsum", [f(2, 3, 4), f(4, 3), f(3)], domain="", equation="...ij,ji,i->...j")

with open(os.path.join(os.path.dirname(__file__), "runtime-cases.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
