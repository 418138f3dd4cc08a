// Recurrent layers whose weights are quantised: the input of all steps, and the state of each step, go to a grid of their own
// range, or the weights are of half width. The rest is the float layer.
import type { PickleValue } from '../archive/value.js';
import type { ObjectItem } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { Args } from './bind.js';
import type { Family } from './declare.js';
import { type Packed, packedObject, packedOf } from './packed.js';
import { dynamicProduct, halfProduct } from './quantized.js';
import { oneStep, overTensor, type Weights, type WeightsOf } from './recurrent.js';

/** Products with the two packed matrices of a cell. */
function cellProducts(c: Lowering, input: Packed, hidden: Packed, reduceRange: boolean): Weights {
  const isHalf = (p: Packed): boolean => p.weight.quantizer === undefined;
  const times = (p: Packed): Weights['input'] =>
    isHalf(p) ? (x) => halfProduct(c, x, p) : (x) => dynamicProduct(c, x, p, reduceRange);
  return { input: times(input), hidden: times(hidden) };
}

const listOf = (v: PickleValue | undefined): readonly PickleValue[] => (v?.kind === 'list' ? v.items : []);

/** A saved cell: its kind, tensors, numbers, integers (the reduced range), packed matrices. */
function savedCell(c: Lowering, { state, class: name, path }: ObjectItem): Weights {
  const parts = state?.kind === 'tuple' ? state.items : [];
  const [reduced] = listOf(parts[3]);
  const packed = listOf(parts[4]).flatMap((v, i) =>
    v.kind === 'object'
      ? [packedObject(c, { class: v.class, path: `${path}.${i}`, attributes: new Map(), state: v.state })]
      : [],
  );
  const [input, hidden] = packed;
  if (input === undefined || hidden === undefined)
    throw c.refuse('E4326', `packed weights of class ${name} are not read in the form they have here`);
  return cellProducts(c, input, hidden, reduced?.kind === 'int' && reduced.value !== 0n);
}

const savedCells: WeightsOf = (c, a, _cell, count) => {
  const item = a.item('params');
  const cells = item.kind === 'list' ? item.items.filter((x): x is ObjectItem => x.kind === 'object') : [];
  if (cells.length !== count)
    throw c.refuse('E4323', `a recurrent layer has ${cells.length} cells for ${count} directions`);
  return cells.map((cell) => savedCell(c, cell));
};

/** PyTorch keeps 7 bits in single steps, always. */
const stepCell = (c: Lowering, a: Args): Weights =>
  cellProducts(c, packedOf(c, a, 'w_ih'), packedOf(c, a, 'w_hh'), true);

const SETTINGS =
  'Object[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first';
const CELL = 'Object w_ih, Object w_hh, Tensor b_ih, Tensor b_hh';

/** `aten::`. */
export const QUANTIZED_LAYERS: Family = {
  [`quantized_lstm(Tensor input, Tensor[] hx, ${SETTINGS}, *, ScalarType? dtype=None, bool use_dynamic=False)`]:
    overTensor('lstm', savedCells),
  [`quantized_gru(Tensor input, Tensor hx, ${SETTINGS})`]: overTensor('gru', savedCells),
};

/** `quantized::`. */
export const QUANTIZED_CELLS: Family = {
  [`quantized_lstm_cell_dynamic(Tensor input, Tensor[] hx, ${CELL})`]: oneStep('lstm', stepCell),
  [`quantized_gru_cell_dynamic(Tensor input, Tensor hx, ${CELL})`]: oneStep('gru', stepCell),
  [`quantized_rnn_tanh_cell_dynamic(Tensor input, Tensor hx, ${CELL})`]: oneStep('rnn_tanh', stepCell),
  [`quantized_rnn_relu_cell_dynamic(Tensor input, Tensor hx, ${CELL})`]: oneStep('rnn_relu', stepCell),
};
