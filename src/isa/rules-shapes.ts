// Validity of shapes and element types, instruction by instruction. A row without an entry in ROW_LENGTHS has operands of equal length.
import { PE_CONSTRAINTS } from '../chip/constraints.js';
import type { Target } from '../chip/target.js';
import { isBound } from './bindings.js';
import { elementsOf } from './fields.js';
import { patternRegion } from './footprint.js';
import type { Ap, ChipDType } from './operands.js';
import { knownElements, knownParts, type Report, type Rule, ruleOf, type Subject } from './rule.js';
import { isIntegerType } from './rules-operands.js';
import type { Instruction, Mnemonic } from './table.js';

const WIDTH = 8;
const BN_ROW = 512;

/** Elements that each operand must have, given those it has; operands not named are free. */
type Lengths = Readonly<Record<string, number>>;
const ROW_LENGTHS: {
  readonly [M in Mnemonic]?: (instr: Extract<Instruction, { readonly m: M }>) => Lengths;
} = {
  MATMUL: (i) => ({ dst: elementsOf(i.moving) }),
  REDUCE: (i) => ({ dst: i.src.counts.slice(0, 4 - i.axes).reduce((n, c) => n * c, 1) }),
  TRANSPOSE32: (i) => ({ dst: isOneBlock(i.src) ? i.src.parts : elementsOf(i.src) }),
  MAX8: () => ({ dst: WIDTH }),
  MAX_INDEX: (i) => ({ dst: elementsOf(i.values), values: Math.min(WIDTH, elementsOf(i.values)) }),
  MATCH_REPLACE: (i) => ({ dst: elementsOf(i.src), values: WIDTH }),
  BN_STATS: (i) => ({ dst: 3, src: Math.min(BN_ROW, elementsOf(i.src)) }),
  BN_AGGR: (i) => ({ dst: 2, src: Math.ceil(elementsOf(i.src) / 3) * 3 }),
  GATHER: (i) => ({ dst: elementsOf(i.index) }),
};

function isOneBlock(src: Ap): boolean {
  return src.parts <= 32 && elementsOf(src) <= 32;
}

function rowLengths({ instr, patterns }: Subject, report: Report): void {
  if (patterns.some((p) => isBound(instr, `${p.name}.counts`))) return;
  const rule = ROW_LENGTHS[instr.m] as ((i: Instruction) => Lengths) | undefined;
  const all = (): Lengths =>
    Object.fromEntries(patterns.map((p) => [p.name, elementsOf(patterns[0]?.ap ?? p.ap)]));
  const wanted: Lengths = { ...(rule?.(instr) ?? all()), sumDst: 1, reduceDst: 1 };
  for (const { name, ap } of patterns) {
    const length = wanted[name];
    if (length !== undefined && elementsOf(ap) !== length)
      report(name, `${name} has ${elementsOf(ap)} elements a partition where ${length} are needed`);
  }
}

function matmulTypes(stationary: ChipDType, moving: ChipDType, dst: ChipDType, target: Target): boolean {
  const half = (t: ChipDType): boolean => t === 'bf16' || t === 'f16';
  if (stationary === 'i8' && moving === 'i8') return dst === 'i32';
  const floats =
    (half(stationary) && half(moving)) || (target.peFp32 && stationary === 'f32' && moving === 'f32');
  return floats && dst === 'f32';
}

function transposeShape(i: Instruction<'TRANSPOSE32'>, report: Report): void {
  const { src, dst } = i;
  const n = elementsOf(src);
  if (isBound(i, 'src') || isBound(i, 'dst')) return;
  if (isOneBlock(src)) {
    if (dst.parts !== n) report('dst', `dst has ${dst.parts} partitions where ${n} are needed`);
    return;
  }
  if (src.parts % 32 !== 0 || n % 32 !== 0) report('src', `src has ${src.parts} partitions of ${n} elements`);
  if (dst.parts !== src.parts || dst.start !== src.start)
    report('dst', `dst has ${dst.parts} partitions from ${dst.start}`);
}

export const SHAPE_RULES = {
  'row-lengths': {
    text: 'Rows have the lengths that the instruction relates: equal for elementwise ones, 1 for reductions of a row, the kept dims of REDUCE, 8 of MAX8 and of the values of MATCH_REPLACE, at most 8 values of MAX_INDEX, 3 and 2 of BN_STATS and BN_AGGR.',
    check: rowLengths,
  },
  'pe-operands': ruleOf(
    'MATMUL',
    'Both inputs of a matmul lie in the same partitions of SBUF; its output has a partition for each stationary element.',
    (i, report) => {
      for (const name of ['stationary', 'moving'] as const)
        if (i[name].space !== 'sbuf') report(name, `${name} lies in PSUM`);
      const [k, kMoving] = [knownParts(i, 'stationary'), knownParts(i, 'moving')];
      if (
        i.moving.start !== i.stationary.start ||
        (k !== undefined && kMoving !== undefined && k !== kMoving)
      ) {
        report(
          'moving',
          `moving has ${i.moving.parts} partitions from ${i.moving.start}, stationary ${i.stationary.parts} from ${i.stationary.start}`,
        );
      }
      const [m, parts] = [knownElements(i, 'stationary'), knownParts(i, 'dst')];
      if (m !== undefined && parts !== undefined && m !== parts)
        report('dst', `dst has ${parts} partitions, stationary ${m} elements`);
    },
  ),
  'pe-size': ruleOf('MATMUL', PE_CONSTRAINTS['pe-size'].text, (i, report) => {
    const size = {
      k: knownParts(i, 'stationary') ?? 1,
      m: knownElements(i, 'stationary') ?? 1,
      n: knownElements(i, 'moving') ?? 1,
    };
    if (!PE_CONSTRAINTS['pe-size'].holds(size)) report('moving', `K ${size.k}, M ${size.m}, N ${size.n}`);
  }),
  'pe-types': ruleOf(
    'MATMUL',
    'PE multiplies bf16 and f16 (mixed freely), and f32 where the target has it, into f32; i8 by i8 into i32.',
    (i, report, target) => {
      const types = [i.stationary.dtype, i.moving.dtype, i.dst.dtype] as const;
      if (!matmulTypes(...types, target))
        report('dst', `${types[0]} by ${types[1]} into ${types[2]} on ${target.name}`);
    },
  ),
  'psum-bank': ruleOf('MATMUL', PE_CONSTRAINTS['psum-bank'].text, (i, report, target) => {
    const region = patternRegion(i.dst);
    if (region === undefined || ['base', 'counts', 'strides'].some((part) => isBound(i, `dst.${part}`)))
      return;
    const { start, parts, space } = i.dst;
    if (!PE_CONSTRAINTS['psum-bank'].holds({ space, start, parts, lo: region.lo, hi: region.hi }, target)) {
      report(
        'dst',
        `dst is bytes ${region.lo}..${region.hi - 1} of ${space.toUpperCase()}, a bank has ${target.psum.bankBytes}`,
      );
    }
  }),
  'reduce-axes': ruleOf('REDUCE', 'REDUCE takes the 1 to 4 innermost dims.', (i, report) => {
    if (i.axes < 1 || i.axes > 4) report('axes', `${i.axes} axes`);
  }),
  transpose: ruleOf(
    'TRANSPOSE32',
    'TRANSPOSE32 takes one block of at most 32 x 32 (dst then has a partition for each element of src), or 32 x 32 blocks that stay in their partitions.',
    transposeShape,
  ),
  'transpose-types': ruleOf(
    'TRANSPOSE32',
    'TRANSPOSE32 copies bits: both types are the same.',
    (i, report) => {
      if (i.src.dtype !== i.dst.dtype) report('dst', `${i.src.dtype} to ${i.dst.dtype}`);
    },
  ),
  'index-types': {
    text: 'Positions are integers: MAX_INDEX writes i32 or u32, the index of GATHER is of an integer type.',
    check: ({ instr }, report) => {
      if (instr.m === 'MAX_INDEX' && !['i32', 'u32'].includes(instr.dst.dtype))
        report('dst', `dst is ${instr.dst.dtype}`);
      if (instr.m === 'GATHER' && !isIntegerType(instr.index.dtype))
        report('index', `index is ${instr.index.dtype}`);
    },
  },
  'partition-reduce': ruleOf(
    'PARTITION_REDUCE',
    'The result of PARTITION_REDUCE is one partition, the first of src.',
    (i, report) => {
      if (i.dst.parts !== 1 || i.dst.start !== i.src.start)
        report('dst', `dst has ${i.dst.parts} partitions from ${i.dst.start}`);
    },
  ),
} as const satisfies Readonly<Record<string, Rule>>;
