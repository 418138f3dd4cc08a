"""Writes references.json: uses of operators with results of ONNX Runtime, or of numpy where ONNX has no such operator.

Run from the repository root: python test/ops/make_references.py (numpy, onnx, onnxruntime). Operands of floats are multiples of
1/8 below 4, so that they are short to write and exact in every float type; results are written with nine digits.
"""
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

rng = np.random.default_rng(20)
cases = []
TYPES = {"float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "int8": "i8", "uint8": "u8", "bool": "bool", "float64": "f64"}


def floats(*shape, dtype=np.float32):
    return (rng.integers(-31, 32, shape) / 8).astype(dtype)


def ints(*shape, low=-9, high=10, dtype=np.int64):
    return rng.integers(low, high, shape).astype(dtype)


def number(x):
    if isinstance(x, (bool, int)):
        return int(x)
    if np.isnan(x) or np.isinf(x):
        return "NaN" if np.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    short = float(f"{x:.9g}")
    return int(short) if short == int(short) and abs(short) < 2**31 else short


def tensor(a):
    a = np.asarray(a)
    return {"dtype": TYPES[str(a.dtype)], "shape": list(a.shape), "data": [number(x) for x in a.ravel().tolist()]}


def case(op, inputs, attrs, outputs, note=""):
    outputs = [np.asarray(o) for o in outputs]
    cases.append({"op": op, "note": note, "attrs": attrs, "inputs": [tensor(x) for x in inputs], "outputs": [tensor(x) for x in outputs]})


def run(op_type, inputs, opset=20, outputs=1, **attrs):
    """Results of one ONNX node."""
    names = [f"i{k}" for k in range(len(inputs))]
    results = [f"o{k}" for k in range(outputs)]
    node = helper.make_node(op_type, names, results, **attrs)
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in zip(names, inputs)]
    graph = helper.make_graph([node], "g", infos, [helper.make_empty_tensor_value_info(r) for r in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    model = onnx.shape_inference.infer_shapes(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs)))


# ---- matmul -----------------------------------------------------------------------------------------------------------
for a, b in [((3, 4), (4, 5)), ((2, 3, 4), (4, 7)), ((2, 1, 3, 4), (3, 4, 2)), ((1, 5), (2, 5, 8)), ((7, 17), (17, 10)), ((2, 0), (0, 3))]:
    x, y = floats(*a), floats(*b)
    case("matmul", [x, y], {}, run("MatMul", [x, y]))
x, y = ints(3, 4), ints(4, 2)
case("matmul", [x, y], {}, run("MatMul", [x, y]))
for p, q in [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)]:
    x = ints(5, 9, low=np.iinfo(p).min, high=np.iinfo(p).max + 1, dtype=p)
    y = ints(9, 4, low=np.iinfo(q).min, high=np.iinfo(q).max + 1, dtype=q)
    case("matmul", [x, y], {}, run("MatMulInteger", [x, y]) if p == np.uint8 else [x.astype(np.int32) @ y.astype(np.int32)])
x, y, bias = floats(4, 6, dtype=np.float16), floats(6, 3, dtype=np.float16), floats(3)
exact = x.astype(np.float64) @ y.astype(np.float64)
case("matmul", [x, y], {}, [exact.astype(np.float32).astype(np.float16)], "16-bit result")
case("matmul", [x, y, bias], {"out": "f32", "bias": True}, [(exact + bias).astype(np.float32)], "sums kept in f32")
x, y, bias = floats(4, 6), floats(6, 3), floats(3)
exact = x.astype(np.float64) @ y + bias
ACTS = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.25}),
    "elu": ("Elu", {"alpha": 0.25}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "softplus": ("Softplus", {}),
    "mish": ("Mish", {}),
}
for act, (op, attrs) in ACTS.items():
    case("matmul", [x, y, bias], {"bias": True, "act": act, "alpha": 0.25}, run(op, [(exact / 8).astype(np.float32)], **attrs), "act, divided by 8 first")
    cases[-1]["inputs"][0]["data"] = [v / 8 for v in cases[-1]["inputs"][0]["data"]]
    cases[-1]["inputs"][2]["data"] = [v / 8 for v in cases[-1]["inputs"][2]["data"]]

# ---- convolutions -----------------------------------------------------------------------------------------------------
CONVS = [
    # input, filters, groups, strides, low, high, dilations
    ((2, 3, 9), (4, 3, 3), 1, (1,), (0,), (0,), (1,)),
    ((1, 4, 10), (4, 2, 3), 2, (2,), (2,), (1,), (2,)),
    ((1, 3, 7, 6), (5, 3, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    ((2, 4, 8, 7), (4, 1, 3, 3), 4, (2, 1), (0, 1), (1, 1), (1, 1)),
    ((1, 4, 6, 9), (6, 2, 2, 3), 2, (1, 2), (1, 0), (0, 2), (2, 1)),
    ((1, 3, 5, 5), (2, 3, 1, 1), 1, (2, 2), (0, 0), (0, 0), (1, 1)),
    ((1, 2, 4, 4), (3, 2, 4, 4), 1, (1, 1), (0, 0), (0, 0), (1, 1)),
    ((1, 2, 1, 3), (2, 2, 3, 5), 1, (1, 1), (2, 3), (2, 3), (1, 1)),
    ((1, 2, 4, 5, 3), (2, 1, 2, 3, 2), 2, (1, 2, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1)),
    ((0, 2, 5, 5), (3, 2, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
]
for xs, ws, groups, strides, low, high, dilations in CONVS:
    x, w, bias = floats(*xs), floats(*ws), floats(ws[0])
    attrs = {"strides": strides, "low": low, "high": high, "dilations": dilations, "groups": groups}
    node = {"strides": strides, "pads": low + high, "dilations": dilations, "group": groups}
    (result,) = run("Conv", [x, w, bias], **node)
    case("conv", [x, w, bias], {**attrs, "bias": True}, [result])
    residual = floats(*result.shape)
    case("conv", [x, w, bias, residual], {**attrs, "bias": True, "residual": True, "act": "relu"}, [np.maximum(result + residual, 0)])
x, w = ints(1, 2, 6, 5, low=0, high=256, dtype=np.uint8), ints(4, 1, 3, 3, low=0, high=256, dtype=np.uint8)
square = {"strides": [1, 2], "low": [1, 1], "high": [1, 0], "dilations": [1, 1], "groups": 2}
case("conv", [x, w], square, run("ConvInteger", [x, w], strides=[1, 2], pads=[1, 1, 1, 0], group=2))

TRANSPOSED = [
    # input, filters, groups, strides, low, high, dilations, output padding
    ((2, 3, 5), (3, 2, 3), 1, (2,), (1,), (0,), (1,), (1,)),
    ((1, 4, 3, 4), (4, 3, 3, 3), 1, (2, 2), (1, 1), (1, 1), (1, 1), (1, 1)),
    ((1, 4, 3, 4), (4, 2, 2, 2), 2, (2, 3), (0, 1), (0, 0), (1, 1), (0, 1)),
    ((1, 2, 4, 3), (2, 1, 3, 2), 2, (1, 1), (0, 0), (1, 0), (2, 2), (0, 0)),
    ((1, 2, 2, 3, 2), (2, 3, 2, 1, 3), 1, (2, 1, 2), (0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 0, 0)),
]
for xs, ws, groups, strides, low, high, dilations, extra in TRANSPOSED:
    x, w, bias = floats(*xs), floats(*ws), floats(ws[1] * groups)
    attrs = {"strides": strides, "low": low, "high": high, "dilations": dilations, "groups": groups, "output_padding": extra, "bias": True}
    case("conv_transpose", [x, w, bias], attrs, run("ConvTranspose", [x, w, bias], strides=strides, pads=low + high, dilations=dilations, group=groups, output_padding=extra))

# ---- pooling ----------------------------------------------------------------------------------------------------------
POOLS = [
    # input, kernel, strides, low, high, dilations
    ((1, 2, 9), (3,), (2,), (1,), (1,), (1,)),
    ((2, 3, 7, 6), (3, 2), (2, 1), (1, 0), (1, 1), (1, 1)),
    ((1, 2, 8, 9), (2, 3), (1, 2), (0, 1), (1, 1), (2, 3)),
    ((1, 1, 4, 5, 4), (2, 3, 2), (2, 1, 1), (0, 1, 1), (1, 1, 0), (1, 1, 1)),
]
for xs, kernel, strides, low, high, dilations in POOLS:
    x = floats(*xs)
    attrs = {"kernel": kernel, "strides": strides, "low": low, "high": high, "dilations": dilations}
    node = {"kernel_shape": kernel, "strides": strides, "pads": low + high, "dilations": dilations}
    case("max_pool", [x], attrs, run("MaxPool", [x], **node))
    for include in (0, 1):
        case("avg_pool", [x], {**attrs, "include_pad": bool(include)}, run("AveragePool", [x], count_include_pad=include, **node))
x = ints(1, 2, 5, 5, low=-128, high=128, dtype=np.int8)
plain = {"kernel": [2, 2], "strides": [2, 2], "low": [0, 0], "high": [1, 1], "dilations": [1, 1]}
case("max_pool", [x], plain, run("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1]))
x = floats(1, 2, 6, 8)
rounded_up = {"kernel": [3, 3], "strides": [2, 3], "low": [1, 1], "high": [1, 2], "dilations": [1, 1]}
for include in (0, 1):
    (result,) = run("AveragePool", [x], kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 0, 0], ceil_mode=1, count_include_pad=include)
    case("avg_pool", [x], {**rounded_up, "include_pad": bool(include), "uncounted": [1, 2]}, [result], "ceil_mode")

# ---- normalisation and attention --------------------------------------------------------------------------------------
x = floats(2, 3, 5)
for axis in range(3):
    case("softmax", [x], {"axis": axis}, run("Softmax", [x], axis=axis))
    case("log_softmax", [x], {"axis": axis}, run("LogSoftmax", [x], axis=axis))
    scale, bias = floats(*x.shape[axis:]), floats(*x.shape[axis:])
    case("layer_norm", [x, scale, bias], {"axis": axis, "epsilon": 1e-3, "scale": True, "bias": True}, run("LayerNormalization", [x, scale, bias], axis=axis, epsilon=1e-3))
    square_mean = np.mean(x.astype(np.float64) ** 2, axis=tuple(range(axis, 3)), keepdims=True)
    case("rms_norm", [x, scale], {"axis": axis, "epsilon": 1e-3, "scale": True}, [(x / np.sqrt(square_mean + 1e-3) * scale).astype(np.float32)])
x = np.array([[1000, 1001, -np.inf, 999], [-1000, -1000, -1000, -np.inf]], np.float32)
case("softmax", [x], {"axis": 1}, run("Softmax", [x], axis=1), "large and infinite")
case("log_softmax", [x], {"axis": 1}, run("LogSoftmax", [x], axis=1), "large and infinite")


def attention(q, k, v, scale, mask=None, causal=False):
    scores = np.einsum("bhqd,bhkd->bhqk", q.astype(np.float64), k.astype(np.float64)) * scale
    if mask is not None:
        scores = scores + mask
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhqk,bhkd->bhqd", p / p.sum(-1, keepdims=True), v.astype(np.float64)).astype(q.dtype)


q, k, v = floats(2, 2, 3, 4), floats(2, 2, 5, 4), floats(2, 2, 5, 3)
case("attention", [q, k, v], {"scale": 0.5}, [attention(q, k, v, 0.5)])
case("attention", [q, k, v], {"scale": 0.25, "causal": True}, [attention(q, k, v, 0.25, causal=True)])
for shape in [(5,), (3, 5), (2, 1, 1, 5), (2, 2, 3, 5)]:
    mask = floats(*shape)
    mask[..., -1] = -np.inf
    case("attention", [q, k, v, mask], {"scale": 0.5, "mask": True}, [attention(q, k, v, 0.5, mask)])

# ---- indices ----------------------------------------------------------------------------------------------------------
x = floats(3, 4, 5)
for axis in range(3):
    for shape in [(), (2,), (2, 3)]:
        index = ints(*shape, low=0, high=x.shape[axis])
        case("gather", [x, index], {"axis": axis}, run("Gather", [x, index], axis=axis))
    index = ints(*[2, 3, 4], low=0, high=x.shape[axis], dtype=np.int32)
    case("gather_elements", [x, index], {"axis": axis}, run("GatherElements", [x, index], axis=axis))
    for reduction in ("none", "add", "mul", "max", "min"):
        length = 2 if reduction == "none" else 4
        index = np.stack([rng.permutation(x.shape[axis])[:length] for _ in range(6)]) if reduction == "none" else ints(6, length, low=0, high=x.shape[axis])
        index = np.moveaxis(index.reshape(2, 3, length), 2, axis)
        updates = floats(*index.shape)
        case("scatter_elements", [x, index, updates], {"axis": axis, "reduction": reduction}, run("ScatterElements", [x, index, updates], axis=axis, reduction=reduction))
x = ints(4, 3)
index, updates = ints(6, 3, low=0, high=4), ints(6, 3)
case("scatter_elements", [x, index, updates], {"axis": 0, "reduction": "add"}, run("ScatterElements", [x, index, updates], axis=0, reduction="add"))
x = floats(2, 3, 4, 2)
for batch, shape in [(0, (3, 2)), (0, (2, 2, 4)), (0, (2, 1)), (1, (2, 2)), (1, (2, 3, 1)), (2, (2, 3, 1)), (1, (2, 3))]:
    index = ints(*shape, low=0, high=2)
    case("gather_nd", [x, index], {"batch": batch}, run("GatherND", [x, index], batch_dims=batch))
for reduction in ("none", "add", "mul", "max", "min"):
    index = np.array([[1, 2], [0, 0], [1, 0]]) if reduction == "none" else np.array([[1, 2], [0, 0], [1, 2]])
    updates = floats(3, 4, 2)
    case("scatter_nd", [x, index, updates], {"reduction": reduction}, run("ScatterND", [x, index, updates], reduction=reduction))
x = floats(4, 5)
for starts in [(1, 2), (-3, 4), (9, 0)]:
    row, column = np.clip(starts[0], 0, 2), np.clip(starts[1], 0, 3)
    case("dynamic_slice", [x, np.array(starts)], {"sizes": [2, 2]}, [x[row : row + 2, column : column + 2]])
    update = floats(2, 2)
    changed = x.copy()
    changed[row : row + 2, column : column + 2] = update
    case("dynamic_update_slice", [x, update, np.array(starts)], {}, [changed])

# ---- order ------------------------------------------------------------------------------------------------------------
x = ints(3, 4, 5, low=0, high=4).astype(np.float32)
for axis in range(3):
    for last in (0, 1):
        keep = (axis + last) % 2
        for op, node in [("argmax", "ArgMax"), ("argmin", "ArgMin")]:
            case(op, [x], {"axis": axis, "keep": bool(keep), "last": bool(last)}, run(node, [x], axis=axis, keepdims=keep, select_last_index=last))
    for largest in (0, 1):
        case("topk", [x], {"k": 2, "axis": axis, "largest": bool(largest)}, run("TopK", [x, np.array([2])], outputs=2, axis=axis, largest=largest))
    for exclusive in (0, 1):
        for reverse in (0, 1):
            flags = {"axis": axis, "exclusive": bool(exclusive), "reverse": bool(reverse)}
            case("cumsum", [x], flags, run("CumSum", [x, np.array(axis)], exclusive=exclusive, reverse=reverse))
    case("cumprod", [x], {"axis": axis}, [np.cumprod(x, axis)])
x = ints(2, 6)
case("cumsum", [x], {"axis": 1}, run("CumSum", [x, np.array(1)]))
case("topk", [x], {"k": 6, "axis": 1}, run("TopK", [x, np.array([6])], outputs=2, axis=1))
case("cumprod", [x], {"axis": 1}, [np.cumprod(x, 1)])

lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
Path(__file__).with_name("references.json").write_text(f"[\n{lines}\n]\n")
print(len(cases), "cases")
