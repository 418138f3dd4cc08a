// Writes ResNet-50 v1.5 for a batch size (batch normalisation unfused, opset 17) with seeded weights of ordinary size.
// Usage: node make-resnet50.mjs FILE BATCH
import { writeFileSync } from 'node:fs';
import onnxProto from 'onnx-proto';
import { randomValues } from '../lib/inputs.mjs';

const { ModelProto, TensorProto, AttributeProto } = onnxProto.onnx;
const FLOAT = TensorProto.DataType.FLOAT;
const EPSILON = 1e-5;
const STAGES = [3, 4, 6, 3];
const WIDTH = 64;
const CLASSES = 1000;

const nodes = [];
const weights = [];

/** An initializer of values around `mean`, with that deviation. */
function constant(name, dims, deviation, mean = 0) {
  const size = dims.reduce((a, b) => a * b, 1);
  const values = randomValues(size, weights.length + 1).map((v) => mean + v * deviation);
  weights.push({ name, dims, dataType: FLOAT, rawData: new Uint8Array(values.buffer) });
  return name;
}

function attribute(name, value) {
  if (Array.isArray(value)) return { name, type: AttributeProto.AttributeType.INTS, ints: value };
  if (Number.isInteger(value)) return { name, type: AttributeProto.AttributeType.INT, i: value };
  return { name, type: AttributeProto.AttributeType.FLOAT, f: value };
}

function node(opType, input, output, attributes = {}) {
  const attribute_ = Object.entries(attributes).map(([name, value]) => attribute(name, value));
  nodes.push({ opType, name: output, input, output: [output], attribute: attribute_ });
  return output;
}

function convolution(x, name, from, to, kernel, stride) {
  const weight = constant(
    `${name}.weight`,
    [to, from, kernel, kernel],
    Math.sqrt(2 / (from * kernel * kernel)),
  );
  const pads = Array(4).fill(kernel >> 1);
  return node('Conv', [x, weight], name, { kernel_shape: [kernel, kernel], strides: [stride, stride], pads });
}

/** @param gain mean of the scale: small at the end of a block, so that activations stay of order one */
function normalize(x, name, channels, gain) {
  const parameters = [
    constant(`${name}.weight`, [channels], 0.15 * gain, gain),
    constant(`${name}.bias`, [channels], 0.1),
    constant(`${name}.running_mean`, [channels], 0.1),
    constant(`${name}.running_var`, [channels], 0.25, 1.1),
  ];
  return node('BatchNormalization', [x, ...parameters], name, { epsilon: EPSILON });
}

const relu = (x) => node('Relu', [x], `${x}.relu`);

function bottleneck(x, name, from, width, stride) {
  const to = 4 * width;
  let y = relu(normalize(convolution(x, `${name}.conv1`, from, width, 1, 1), `${name}.bn1`, width, 1));
  y = relu(normalize(convolution(y, `${name}.conv2`, width, width, 3, stride), `${name}.bn2`, width, 1));
  y = normalize(convolution(y, `${name}.conv3`, width, to, 1, 1), `${name}.bn3`, to, 0.4);
  const skips = from === to && stride === 1;
  const shortcut = skips
    ? x
    : normalize(convolution(x, `${name}.down`, from, to, 1, stride), `${name}.down.bn`, to, 0.8);
  return relu(node('Add', [y, shortcut], `${name}.add`));
}

function network() {
  let x = relu(normalize(convolution('image', 'conv1', 3, WIDTH, 7, 2), 'bn1', WIDTH, 1));
  x = node('MaxPool', [x], 'maxpool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let channels = WIDTH;
  for (const [stage, blocks] of STAGES.entries()) {
    const width = WIDTH << stage;
    for (let block = 0; block < blocks; block++) {
      x = bottleneck(x, `layer${stage + 1}.${block}`, channels, width, block === 0 && stage > 0 ? 2 : 1);
      channels = 4 * width;
    }
  }
  x = node('Flatten', [node('GlobalAveragePool', [x], 'avgpool')], 'flatten', { axis: 1 });
  const dense = [
    constant('fc.weight', [CLASSES, channels], 1 / Math.sqrt(channels)),
    constant('fc.bias', [CLASSES], 0.05),
  ];
  node('Gemm', [x, ...dense], 'logits', { transB: 1 });
}

const port = (name, dims) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

const [file, batch] = process.argv.slice(2);
network();
const model = {
  irVersion: 8,
  opsetImport: [{ domain: '', version: 17 }],
  producerName: 'neffc bench',
  graph: {
    name: 'resnet50',
    node: nodes,
    initializer: weights,
    input: [port('image', [Number(batch), 3, 224, 224])],
    output: [port('logits', [Number(batch), CLASSES])],
  },
};
writeFileSync(file, ModelProto.encode(model).finish());
