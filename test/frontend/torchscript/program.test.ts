// The meaning of programs: what is decided when compiling, aliasing and in-place writes, branches and loops on tensor data,
// binding of inputs, listing of what is not supported.
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { fromNumbers } from '../../../src/base/tensor.js';
import { readTorchArchive } from '../../../src/frontend/torchscript/archive/read.js';
import { importTorchScript } from '../../../src/frontend/torchscript/import.js';
import { choosesInLoop } from '../../../src/frontend/torchscript/signature.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { codeOf } from '../../helpers/codes.js';
import { pk } from '../../helpers/pickle-writer.js';
import { tinyArchive } from '../../helpers/torch-archive.js';
import { forward, importProgram, plain, programArchive, runProgram } from '../../helpers/torch-program.js';

const x2x3 = { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] };
const run = (lines: readonly string[], input = x2x3) =>
  runProgram(forward('x: Tensor', ...lines), [input])[0];

describe('in-place writes', () => {
  it('go through views into what they view', () => {
    const out = run(['y = torch.clone(x)', '_0 = torch.add_(torch.select(y, 1, 0), 10)', 'return y']);
    expect(out?.values).toEqual([11, 2, 3, 14, 5, 6]);
  });

  it('are seen by views taken before', () => {
    const out = run([
      'y = torch.mul(x, 1)',
      'v = torch.slice(y, 0, 1)',
      '_0 = torch.fill_(y, 7)',
      'return v',
    ]);
    expect(out).toEqual({ shape: [1, 3], values: [7, 7, 7] });
  });

  it('go through transposed and strided views', () => {
    const out = run([
      'y = torch.mul(x, 1)',
      'v = torch.slice(torch.t(y), 0, 0, 3, 2)',
      '_0 = torch.mul_(v, -1)',
      'return y',
    ]);
    expect(out?.values).toEqual([-1, 2, -3, -4, 5, -6]);
  });

  it('do not reach a copy: reshape of a transposed tensor', () => {
    const out = run([
      'y = torch.mul(x, 1)',
      'v = torch.reshape(torch.t(y), [6])',
      '_0 = torch.zero_(v)',
      'return y',
    ]);
    expect(out?.values).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('reach through a reshape that is a view', () => {
    const out = run(['y = torch.mul(x, 1)', 'v = torch.reshape(y, [6])', '_0 = torch.zero_(v)', 'return y']);
    expect(out?.values).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('are refused where it is not known whether memory is shared', () => {
    const lines = [
      'a = torch.add(torch.t(x), 1)',
      'b = torch.contiguous(a)',
      '_0 = torch.add_(b, 1)',
      'return torch.add(a, b)',
    ];
    expect(codeOf(() => run(lines))).toBe('E4330');
  });

  it('keep the element type of what is written', () => {
    const out = runProgram(forward('x: Tensor', 'y = torch.mul(x, 1)', '_0 = torch.mul_(y, 2)', 'return y'), [
      { shape: [2], values: [1, 2], dtype: 'i64' },
    ]);
    expect(out).toEqual([{ shape: [2], values: [2, 4] }]);
  });
});

const BRANCH = forward(
  'x: Tensor',
  'y = torch.mul(x, 1)',
  'l = annotate(List[Tensor], [x])',
  'if bool(torch.gt(torch.sum(x), 0)):',
  '  _0 = torch.add_(torch.select(y, 0, 0), 100)',
  '  z = torch.relu(x)',
  '  n = 1',
  'else:',
  '  z = torch.neg(x)',
  '  n = 2',
  '  torch._set_item(l, 0, z)',
  'return torch.add(torch.add(torch.mul(z, n), y), l[0])',
);

describe('branches on tensor data', () => {
  it('join variables, numbers, writes and lists', () => {
    expect(runProgram(BRANCH, [{ shape: [2, 1], values: [1, -0.5] }])[0]?.values).toEqual([103, -1]);
    expect(runProgram(BRANCH, [{ shape: [2, 1], values: [1, -2] }])[0]?.values).toEqual([-2, 4]);
  });

  it('that only raise are dropped with a warning', () => {
    const body = forward(
      'x: Tensor',
      'if bool(torch.any(torch.lt(x, 0))):',
      '  ops.prim.RaiseException("negative")',
      'else:',
      '  pass',
      'return torch.sqrt(x)',
    );
    expect(importProgram(body, { x: { shape: [2] } }).diagnostics.map((d) => d.code)).toEqual(['W4334']);
  });
});

describe('loops', () => {
  const LOOP = forward(
    'x: Tensor',
    'y = torch.mul(x, 1)',
    'n = 0',
    'go = torch.lt(torch.sum(y), 100)',
    '_0 = bool(go)',
    'while _0:',
    '  y0 = torch.mul(y, 2)',
    '  n0 = torch.add(n, 1)',
    '  _1 = bool(torch.lt(torch.sum(y0), 100))',
    '  _0, y, n = _1, y0, n0',
    'return torch.add(y, n)',
  );

  it('that data ends become loops of the graph', () => {
    const model = importProgram(LOOP, { x: { shape: [2] } });
    expect(model.graph.body.nodes.some((n) => n.op === 'loop')).toBe(true);
    expect(runProgram(LOOP, [{ shape: [2], values: [1, 2] }])[0]?.values).toEqual([70, 134]);
    expect(runProgram(LOOP, [{ shape: [2], values: [100, 2] }])[0]?.values).toEqual([100, 2]);
  });

  it('that carry what grows are left to --decode', () => {
    const body = LOOP.replace('torch.mul(y, 2)', 'torch.cat([y, y], 0)');
    expect(codeOf(() => importProgram(body, { x: { shape: [2] } }))).toBe('E4320');
  });

  it('over known numbers are unrolled', () => {
    const out = run(['y = x', 'for i in range(3):', '  y = torch.add(y, i)', 'return y']);
    expect(out?.values).toEqual([4, 5, 6, 7, 8, 9]);
  });
});

describe('inputs', () => {
  const body = forward(
    'x: Tensor,\n    state: Tuple[Tensor, Tensor],\n    mask: Optional[Tensor]=None,\n    k: int=2',
    'a, b, = state',
    'if torch.__isnot__(mask, None):',
    '  z = torch.mul(x, unchecked_cast(Tensor, mask))',
    'else:',
    '  z = x',
    'return torch.mul(torch.add(torch.add(z, a), b), k)',
  );

  it('are flattened, named, and bound by name or position', () => {
    const shape = [2];
    const byName = importProgram(body, { x: { shape }, 'state.0': { shape }, 'state.1': { shape } });
    expect(byName.inputNames).toEqual(['x', 'state.0', 'state.1']);
    const byPosition = importProgram(body, { 0: { shape }, 1: { shape }, 2: { shape }, 3: { shape } });
    expect(byPosition.inputNames).toEqual(['x', 'state.0', 'state.1', 'mask']);
  });

  it('without a shape, and shapes without an input, are usage errors', () => {
    expect(codeOf(() => importProgram(body, { x: { shape: [2] } }))).toBe('E2021');
    const shape = [2];
    const shapes = { x: { shape }, 'state.0': { shape }, 'state.1': { shape }, y: { shape } };
    expect(codeOf(() => importProgram(body, shapes))).toBe('E2022');
  });

  it('take their element type from their use', () => {
    const lookUp = forward('x: Tensor', 'return torch.embedding(self.weight, x)');
    const model = importProgram(lookUp, { x: { shape: [3] } });
    expect(model.graph.body.params[0]?.type.dtype).toBe('i64');
  });
});

describe('old archives', () => {
  it('divide integers by truncation', () => {
    const body = forward('x: Tensor', 'return torch.div(x, 2)');
    const options = { file: 'old.pt', inputShapes: new Map([['x', { shape: [1], dtype: 'i64' as const }]]) };
    const typeOf = (version: number) =>
      importTorchScript(programArchive(body, version), options).graph.body.results[0]?.type.dtype;
    expect([typeOf(3), typeOf(9)]).toEqual(['i64', 'f32']);
  });
});

describe('limits', () => {
  it('end programs that do not end', () => {
    const body = forward('x: Tensor', 'n = 0', 'while True:', '  n = torch.add(n, 1)', 'return x');
    expect(codeOf(() => importProgram(body, { x: { shape: [1] } }))).toBe('E4340');
    const growing = forward('x: Tensor', 'l = [1, 2]', 'while True:', '  l = torch.add(l, l)', 'return x');
    expect(codeOf(() => importProgram(growing, { x: { shape: [1] } }))).toBe('E4340');
  });
});

describe('outputs', () => {
  it('keep their structure', () => {
    const model = importProgram(forward('x: Tensor', 'return (x, {"a": torch.neg(x), "b": [x, x]}, None)'), {
      x: { shape: [1] },
    });
    expect(model.graph.outputNames).toEqual(['output.0', 'output.1.a', 'output.1.b.0', 'output.1.b.1']);
    expect(model.outputStructure).toEqual({
      kind: 'tuple',
      items: [
        { kind: 'tensor', index: 0 },
        {
          kind: 'dict',
          entries: [
            ['a', { kind: 'tensor', index: 1 }],
            [
              'b',
              {
                kind: 'list',
                items: [
                  { kind: 'tensor', index: 2 },
                  { kind: 'tensor', index: 3 },
                ],
              },
            ],
          ],
        },
        { kind: 'none' },
      ],
    });
  });
});

describe('what is not supported', () => {
  it('is listed all at once, with module and line', () => {
    const body = forward(
      'x: Tensor',
      'y = torch.no_such_operator(x)',
      'if bool(torch.gt(y, 0)):',
      '  z = torch.another_one(x)',
      'else:',
      '  z = torch.rand_like(x)',
      'return z',
    );
    let found: readonly (string | number | undefined)[][] = [];
    try {
      importProgram(body, { x: { shape: [1] } });
    } catch (error) {
      if (error instanceof NeffcError) found = error.diagnostics.map((d) => [d.code, d.where?.line]);
    }
    expect(found).toEqual([
      ['E4001', 8],
      ['E4001', 10],
      ['E4321', 12],
    ]);
  });

  it('includes shapes that the model itself refuses', () => {
    const body = forward(
      'x: Tensor',
      'if torch.eq(torch.dim(x), 2):',
      '  pass',
      'else:',
      '  ops.prim.RaiseException("2-D only")',
      'return x',
    );
    expect(codeOf(() => importProgram(body, { x: { shape: [1] } }))).toBe('E3377');
    expect(importProgram(body, { x: { shape: [1, 1] } }).graph.body.results).toHaveLength(1);
  });
});

describe('decoding loops', () => {
  const looping = (line: string) =>
    programArchive(
      forward('x: Tensor', 'y = x', 'while bool(torch.gt(torch.sum(y), 1)):', `  ${line}`, 'return y'),
    );

  it('are told by a choice inside', () => {
    expect(choosesInLoop(looping('y = torch.argmax(y)'))).toBe(true);
    expect(choosesInLoop(looping('y, _0 = torch.max(y, 1)'))).toBe(true);
    expect(choosesInLoop(looping('y = torch.sub(y, torch.max(y))'))).toBe(false);
  });
});

describe('objects that restore themselves', () => {
  it('run __setstate__ on what was saved', () => {
    const code = `class Tiny(Module):
  weight : Tensor
  training : bool
  def forward(self: __torch__.Tiny,
    x: Tensor) -> Tensor:
    return torch.mul(x, self.weight)
  def __setstate__(self: __torch__.Tiny,
    state: Tuple[Tensor, bool]) -> NoneType:
    self.weight = torch.add((state)[0], 1)
    self.training = (state)[1]
    return None
`;
    const state = pk.tuple(pk.tensor('0', 4, [2, 2], [2, 1]), pk.bool(false));
    const changes = { 'code/__torch__.py': code, 'data.pkl': pk.file(pk.object('__torch__.Tiny', state)) };
    const archive = readTorchArchive(tinyArchive(changes), { file: 'program.pt' });
    const inputShapes = new Map([['x', { shape: [2, 2] }]]);
    const { graph } = importTorchScript(archive, { file: 'program.pt', inputShapes });
    const ones = fromNumbers('f32', [2, 2], [1, 1, 1, 1]);
    expect(interpretGraph(graph, [ones]).map(plain)[0]?.values).toEqual([2, 3, 4, 5]);
  });
});
