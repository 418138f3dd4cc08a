// Operators whose meaning is easy to get wrong, against values worked out by hand or by PyTorch's documentation; and the table.
import { describe, expect, it } from 'vitest';
import { findOperator, torchOperators } from '../../../src/frontend/torchscript/aten/table.js';
import { forward, type Plain, runProgram } from '../../helpers/torch-program.js';

const vector = (...values: number[]): Plain => ({ shape: [values.length], values });
const matrix = (
  rows: number,
  columns: number,
  values = Array.from({ length: rows * columns }, (_, i) => i),
): Plain => ({
  shape: [rows, columns],
  values,
});
const integers = (...values: number[]) => ({ ...vector(...values), dtype: 'i64' as const });
const ARGS = 'x: Tensor,\n    y: Tensor,\n    z: Tensor';

/** The value of an expression of x, y, z. */
function value(
  expression: string,
  ...inputs: readonly (Plain & { dtype?: 'f32' | 'i64' | 'bool' })[]
): Plain | undefined {
  const args = ARGS.split(',\n').slice(0, inputs.length).join(',\n');
  return runProgram(forward(args, `return ${expression}`), inputs)[0];
}
const values = (...args: Parameters<typeof value>) => value(...args)?.values;

describe('the table', () => {
  it('parses every signature and finds in-place forms', () => {
    expect(torchOperators().length).toBeGreaterThan(500);
    expect(findOperator('aten::relu_')?.inPlace).toBe(true);
    expect(findOperator('aten::__and__')?.inPlace).toBe(false);
    expect(findOperator('aten::no_such')).toBeUndefined();
  });
});

describe('arithmetic', () => {
  it('promotes as PyTorch does', () => {
    expect(values('torch.div(x, 2)', integers(3))).toEqual([1.5]);
    expect(values('torch.floor_divide(x, 2)', integers(-3))).toEqual([-2]);
    expect(values('torch.div(x, 2, rounding_mode="trunc")', integers(-3))).toEqual([-1]);
    expect(values('torch.remainder(x, 3)', vector(-1, 4))).toEqual([2, 1]);
    expect(values('torch.fmod(x, 3)', vector(-1, 4))).toEqual([-1, 1]);
    expect(values('torch.add(x, y, alpha=3)', vector(1), vector(2))).toEqual([7]);
    expect(values('torch.rsub(x, 10)', vector(4))).toEqual([6]);
    expect(values('torch.sum(torch.gt(x, 1))', vector(1, 2, 3))).toEqual([2]);
  });

  it('of activations', () => {
    expect(values('torch.hardswish(x)', vector(-4, 1, 4))).toEqual([-0, 0.666667, 4]);
    expect(values('torch.elu(x, 2)', vector(1, -1))).toEqual([1, -1.264241]);
    expect(values('torch.glu(x, 0)', vector(2, 0))).toEqual([1]);
    expect(values('torch.atan2(x, y)', vector(1, -1, 1, -1), vector(1, -1, 0, 1))).toEqual([
      0.785398, -2.356194, 1.570796, -0.785398,
    ]);
    expect(values('torch.softplus(x, 2)', vector(0))).toEqual([0.346574]);
  });
});

describe('indexing', () => {
  const m = matrix(3, 4);
  it('with several index tensors, apart and together', () => {
    expect(
      values('torch.index(x, annotate(List[Optional[Tensor]], [y, z]))', m, integers(0, -1), integers(1, 2)),
    ).toEqual([1, 10]);
    expect(
      value(
        'torch.index(torch.view(x, [3, 2, 2]), annotate(List[Optional[Tensor]], [y, None, z]))',
        m,
        integers(0, 2),
        integers(1, 0),
      ),
    ).toEqual({
      shape: [2, 2],
      values: [1, 3, 8, 10],
    });
  });

  it('puts values at places', () => {
    expect(
      values(
        'torch.index_put(x, annotate(List[Optional[Tensor]], [None, y]), z)',
        matrix(2, 3),
        integers(2, 0),
        vector(7, 8),
      ),
    ).toEqual([8, 1, 7, 8, 4, 7]);
    expect(
      values(
        'torch.index_put(x, annotate(List[Optional[Tensor]], [y]), z, True)',
        vector(1, 1, 1),
        integers(1, 1),
        vector(2, 3),
      ),
    ).toEqual([1, 6, 1]);
    expect(
      values(
        'torch.index_put(x, annotate(List[Optional[Tensor]], [torch.gt(x, 1)]), torch.tensor(0.))',
        vector(1, 2, 3),
      ),
    ).toEqual([1, 0, 0]);
    expect(values('torch.scatter(x, 0, y, z)', vector(0, 0, 0), integers(2, 0), vector(5, 6))).toEqual([
      6, 0, 5,
    ]);
    expect(values('torch.gather(x, 1, torch.view(y, [2, 1]))', matrix(2, 3), integers(2, 0))).toEqual([2, 3]);
  });

  it('of triangles, rolls and diagonals', () => {
    expect(values('torch.triu(x, 1)', matrix(2, 3))).toEqual([0, 1, 2, 0, 0, 5]);
    expect(values('torch.roll(x, 1)', vector(1, 2, 3))).toEqual([3, 1, 2]);
    expect(values('torch.diagonal(x, 1)', matrix(3, 3))).toEqual([1, 5]);
    expect(values('torch.repeat(x, [2, 2])', vector(1, 2))).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
    expect(values('torch.flip(x, [0])', vector(1, 2, 3))).toEqual([3, 2, 1]);
    expect(value('torch.unfold(x, 0, 2, 1)', vector(1, 2, 3))).toEqual({
      shape: [2, 2],
      values: [1, 2, 2, 3],
    });
  });
});

describe('products', () => {
  it('of einsum: contraction, batches, outer products, diagonals', () => {
    expect(values('torch.einsum("ij,jk->ik", [x, y])', matrix(2, 2), matrix(2, 2))).toEqual([2, 3, 6, 11]);
    expect(values('torch.einsum("i,j->ji", [x, y])', vector(1, 2), vector(3, 4, 5))).toEqual([
      3, 6, 4, 8, 5, 10,
    ]);
    expect(values('torch.einsum("ii->i", [x])', matrix(2, 2))).toEqual([0, 3]);
    expect(values('torch.einsum("...i,...i->...", [x, y])', matrix(2, 2), matrix(2, 2))).toEqual([1, 13]);
    expect(values('torch.einsum("bij", [torch.view(x, [1, 2, 2])])', matrix(2, 2))).toEqual([0, 1, 2, 3]);
  });

  it('of vectors in space, and weights as direction and length', () => {
    expect(values('torch.linalg_cross(x, y)', vector(1, 2, 3), vector(4, 5, 6))).toEqual([-3, 6, -3]);
    expect(values('torch._weight_norm(x, y)', matrix(1, 2, [3, 4]), matrix(1, 1, [10]))).toEqual([6, 8]);
  });

  it('raise vectors and scale sums', () => {
    expect(value('torch.matmul(x, y)', vector(1, 2), matrix(2, 3))).toEqual({
      shape: [3],
      values: [6, 9, 12],
    });
    expect(value('torch.matmul(x, y)', matrix(3, 2), vector(1, 2))).toEqual({
      shape: [3],
      values: [2, 8, 14],
    });
    expect(
      values('torch.addmm(x, y, z, beta=2, alpha=3)', vector(1), matrix(1, 1, [2]), matrix(1, 1, [4])),
    ).toEqual([26]);
  });

  it('of attention with causal and boolean masks', () => {
    const q = matrix(2, 1, [0, 0]);
    const v = matrix(2, 1, [1, 3]);
    expect(values('torch.scaled_dot_product_attention(x, x, y, None, 0., True)', q, v)).toEqual([1, 2]);
    expect(values('torch.scaled_dot_product_attention(x, x, y, torch.lt(z, 1))', q, v, matrix(1, 2))).toEqual(
      [1, 1],
    );
  });
});

describe('windows and sizes', () => {
  const image = (expression: string, size: number) =>
    value(expression.replace('IMG', `torch.view(x, [1, 1, ${size}, ${size}])`), matrix(size, size));
  it('of pooling with ceil_mode and uneven adaptive windows', () => {
    expect(image('torch.max_pool2d(IMG, [2, 2], [2, 2], [0, 0], [1, 1], True)', 3)?.values).toEqual([
      4, 5, 7, 8,
    ]);
    expect(image('torch.avg_pool2d(IMG, [2, 2], [2, 2], [0, 0], True)', 3)?.values).toEqual([2, 3.5, 6.5, 8]);
    expect(image('torch.adaptive_avg_pool2d(IMG, [2, 2])', 3)?.values).toEqual([2, 3, 5, 6]);
  });

  it('of resampling', () => {
    expect(image('torch.upsample_nearest2d(IMG, [4, 4])', 2)?.values).toEqual([
      0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3,
    ]);
    expect(image('torch.upsample_bilinear2d(IMG, [3, 3], True)', 2)?.values).toEqual([
      0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3,
    ]);
    expect(image('torch.upsample_bilinear2d(IMG, [4, 2], False)', 2)?.values).toEqual([
      0, 1, 0.5, 1.5, 1.5, 2.5, 2, 3,
    ]);
    expect(image('torch.pixel_shuffle(torch.view(IMG, [1, 4, 1, 1]), 2)', 2)?.values).toEqual([0, 1, 2, 3]);
    expect(image('torch.pad(IMG, [1, 0, -1, 0], "reflect")', 2)?.values).toEqual([3, 2, 3]);
  });

  it('of transposed convolution', () => {
    const out = value(
      'torch.conv_transpose1d(torch.view(x, [1, 1, 2]), torch.view(y, [1, 1, 2]), None, [2])',
      vector(1, 2),
      vector(3, 4),
    );
    expect(out?.values).toEqual([3, 4, 6, 8]);
  });
});

describe('reductions', () => {
  it('spread, order and place', () => {
    expect(values('torch.var(x)', vector(1, 2, 3, 4))).toEqual([1.666667]);
    expect(values('torch.std(x, [0], False)', vector(1, 3))).toEqual([1]);
    expect(values('torch.norm(x, 2)', vector(3, 4))).toEqual([5]);
    expect(values('torch.cumsum(x, 0)', vector(1, 2, 3))).toEqual([1, 3, 6]);
    expect(values('torch.argsort(x, 0, True)', vector(2, 3, 1))).toEqual([1, 0, 2]);
    expect(values('torch.argmax(x)', matrix(2, 2, [1, 5, 2, 0]))).toEqual([1]);
    expect(values('torch.logsumexp(x, [0])', vector(0, 0, 0))).toEqual([1.098612]);
  });
});

describe('quantised tensors', () => {
  it('round to their grid and back', () => {
    expect(
      values('torch.dequantize(torch.quantize_per_tensor(x, 0.5, 1, 13))', vector(0.3, -3, 0.26)),
    ).toEqual([0.5, -0.5, 0.5]);
    expect(
      values(
        'torch.dequantize(ops.quantized.add(torch.quantize_per_tensor(x, 0.5, 0, 13), torch.quantize_per_tensor(x, 0.5, 0, 13), 1., 0))',
        vector(1, 2.5),
      ),
    ).toEqual([2, 5]);
  });
});

describe('recurrence', () => {
  it('of one GRU step with zero weights keeps half of the state', () => {
    const zeros = 'torch.zeros([6, 2])';
    expect(
      values(
        `torch.gru_cell(torch.view(x, [1, 2]), torch.view(y, [1, 2]), ${zeros}, ${zeros}, None, None)`,
        vector(1, 1),
        vector(2, 4),
      ),
    ).toEqual([1, 2]);
  });
});

describe('sampling', () => {
  const image = { shape: [1, 1, 2, 2], values: [1, 2, 3, 4] };
  const places = (...values: number[]) => ({ shape: [1, 1, values.length / 2, 2], values });

  it('reads between elements and beyond the edges', () => {
    const at = places(0, 0, 1, 1, 3, 3);
    expect(values('torch.grid_sampler(x, y, 0, 0, True)', image, at)).toEqual([2.5, 4, 0]);
    expect(values('torch.grid_sampler(x, y, 0, 0, False)', image, at)).toEqual([2.5, 1, 0]);
    expect(values('torch.grid_sampler(x, y, 1, 1, False)', image, at)).toEqual([1, 4, 4]);
    expect(values('torch.grid_sampler(x, y, 0, 2, True)', image, places(3, -1, -1, 2))).toEqual([1, 2]);
  });

  it('averages where antialiasing shrinks', () => {
    const row = { shape: [1, 1, 1, 4], values: [0, 0, 8, 8] };
    const call = 'torch._upsample_bilinear2d_aa(x, [1, 2], False, None, None)';
    expect(values(call, row)).toEqual([1.142857, 6.857143]);
  });
});
