// What shares memory with a tensor beside slices; what keeps the grid of a quantised one; lists that grow.
import { describe, expect, it } from 'vitest';
import { forward, runProgram } from '../../helpers/torch-program.js';

const x2x2 = { shape: [2, 2], values: [1, 2, 3, 4] };
const run = (...lines: readonly string[]) => runProgram(forward('x: Tensor', ...lines), [x2x2])[0];

describe('memory', () => {
  it('of a diagonal is that of its matrix', () => {
    expect(run('y = torch.mul(x, 1)', '_0 = torch.fill_(torch.diagonal(y), 7)', 'return y')?.values).toEqual([
      7, 2, 3, 7,
    ]);
    expect(run('y = torch.mul(x, 1)', '_0 = torch.zero_(torch.diagonal(y, 1))', 'return y')?.values).toEqual([
      1, 0, 3, 4,
    ]);
  });
});

describe('quantised tensors', () => {
  it('keep their grid through operators of reals', () => {
    const q = 'q = torch.quantize_per_tensor(x, 0.5, 3, 13)';
    expect(
      run(q, 'return torch.dequantize(torch.max_pool2d(torch.unsqueeze(q, 0), [2, 2]))')?.values,
    ).toEqual([4]);
    expect(run(q, 'return torch.dequantize(torch.mean(q, [1]))')?.values).toEqual([1.5, 3.5]);
  });
});

describe('lists', () => {
  it('grow by +=', () => {
    const lines = [
      'l = annotate(List[Tensor], [x])',
      'm = torch.add_(l, [torch.neg(x)])',
      'return torch.cat(l)',
    ];
    expect(run(...lines)?.values).toEqual([1, 2, 3, 4, -1, -2, -3, -4]);
  });
});
