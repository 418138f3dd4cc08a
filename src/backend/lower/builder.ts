// The builder that kernels write against: each call appends one instruction (or one per access pattern that a view needs)
// with plain sequential meaning. Dependences are derived later from byte footprints, never written by hand.
// Long because every instruction that a kernel may ask for has its one method here.
import { bug } from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import { COSTS, ENGINES, type EngineName, PARTITIONS, type Target } from '../../chip/target.js';
import type { ActFunction, AluOp, Comparison, ReduceOp } from '../../isa/functions.js';
import { type Ap, CHIP_DTYPE_BYTES, type ChipDType } from '../../isa/operands.js';
import type { Instruction } from '../../isa/table.js';
import type { Buffer, BufferAp, BufferDescriptor, Step } from './buffer.js';
import { CHIP_TYPE } from './chip-type.js';
import { copyDescriptors } from './descriptors.js';
import { columnAp, columns, panelCut, type ScalarOperand, scalarOf, stretch } from './scalar-operands.js';
import { chipAxes, singleAp, sliceAxis, tile, type View, viewShape } from './view.js';

const ENVELOPE = { waits: [], increment: -1, bindings: [] } as const;
export const NO_AP: Ap = {
  space: 'sbuf',
  dtype: 'f32',
  start: 0,
  parts: 0,
  base: 0,
  counts: [1, 1, 1, 1],
  strides: [0, 0, 0, 0],
};

export interface WeightGroup {
  readonly buffers: readonly Buffer[];
  readonly steps: readonly Step[];
}

export type VectorEngine = 'dve' | 'pool' | 'act';

/** DMA pieces larger than this are cut over several queues. */
const PIECE_BYTES = 64 * 1024;
const MAX_PIECES = 4;

export class Builder {
  readonly target: Target;
  readonly buffers: Buffer[] = [];
  readonly steps: Step[] = [];
  /** Constants on chip and the steps that fill them: pinned at load, or repeated before each node that uses them. */
  readonly weights: WeightGroup[] = [];
  /** Where emitted steps go: the program, or the filling of a weight. */
  private sink: Step[] = this.steps;
  /** Index of the graph node whose kernel is running. */
  origin = 0;
  /** Estimated nanoseconds of work given to each engine so far: kernels that may choose take the less busy one. */
  readonly load: Record<EngineName, number> = { pe: 0, act: 0, dve: 0, pool: 0, sp: 0 };

  /** Moves between layouts so far (move.ts counts them). */
  readonly copies = { count: 0, bytes: 0 };

  constructor(target: Target) {
    this.target = target;
  }

  /** Another graph of the program: engines are as free as for the first, since one of them runs at a time. */
  startGraph(): void {
    for (const engine of ENGINES) this.load[engine] = 0;
  }

  // ---- buffers ----

  buffer(
    space: Buffer['space'],
    name: string,
    parts: number,
    bytes: number,
    extra: Partial<Buffer> = {},
  ): Buffer {
    const rounded = Math.max(4, Math.ceil(bytes / 4) * 4);
    const b: Buffer = { id: this.buffers.length, space, name, start: 0, parts, bytes: rounded, ...extra };
    this.buffers.push(b);
    return b;
  }

  /** Element type on chip of a source type that the chip holds. */
  chipType(dtype: DType): ChipDType {
    return CHIP_TYPE[dtype] ?? 'f32';
  }

  /** A new SBUF tensor: axes of `partition` on partitions (128 to a panel), the rest within, dense. */
  sbuf(
    name: string,
    dtype: ChipDType,
    shape: readonly number[],
    partition: readonly number[],
    free?: readonly number[],
    extra: Partial<Buffer> = {},
  ): View {
    const { axes, rows, elements } = chipAxes(shape, partition, free);
    const panels: Buffer[] = [];
    for (let q = 0; q < rows; q += PARTITIONS) {
      panels.push(
        this.buffer('sbuf', name, Math.min(PARTITIONS, rows - q), elements * CHIP_DTYPE_BYTES[dtype], extra),
      );
    }
    return { space: 'sbuf', dtype, panels, axes, p0: 0, f0: 0 };
  }

  /** A PSUM tile [rows, columns] of 4-byte elements in one bank. */
  psum(name: string, rows: number, columns: number, dtype: 'f32' | 'i32' = 'f32'): View {
    if (columns * 4 > this.target.psum.bankBytes)
      throw bug('E1305', `a PSUM tile of ${columns} columns is wider than a bank`);
    const panel = this.buffer('psum', name, rows, this.target.psum.bankBytes);
    return {
      space: 'psum',
      dtype,
      panels: [panel],
      axes: [
        { n: rows, p: 1, f: 0 },
        { n: columns, p: 0, f: 1 },
      ],
      p0: 0,
      f0: 0,
    };
  }

  /** The steps that `emit` appends, apart from the program. */
  collect(emit: () => void): Step[] {
    const outer = this.sink;
    const steps: Step[] = [];
    this.sink = steps;
    emit();
    this.sink = outer;
    return steps;
  }

  /** Panels of a constant: `fill` emits the steps that write them, which are kept apart from the program. */
  weight(view: View, fill: () => void): View {
    this.weights.push({ buffers: view.panels, steps: this.collect(fill) });
    return view;
  }

  // ---- instructions ----

  emit(
    engine: EngineName,
    instruction: Omit<Instruction, 'waits' | 'increment' | 'bindings'>,
    descriptors?: readonly BufferDescriptor[],
  ): void {
    this.sink.push({
      engine,
      instruction: { ...instruction, ...ENVELOPE } as Instruction,
      origin: this.origin,
      ...(descriptors && { descriptors }),
    });
  }

  /** dst[m, n] (+)= stationary[k, m] x moving[k, n]; all as single access patterns. */
  matmul(dst: BufferAp, stationary: BufferAp, moving: BufferAp, start: boolean): void {
    this.emit('pe', { m: 'MATMUL', dst, stationary, moving, start } as never);
    const columns = moving.counts.reduce((a, b) => a * b, 1);
    const factor = moving.dtype === 'f32' ? 4 : moving.dtype === 'i8' ? 0.5 : 1;
    this.load.pe += (Math.max(columns, COSTS.minimumCycles) * factor * 1000) / this.target.clockMhz.pe;
  }

  /** dst = func(src * scale + bias) on ACT. */
  activate(
    func: ActFunction,
    dst: View,
    src: View,
    options: { scale?: ScalarOperand; bias?: ScalarOperand; alpha?: number; sum?: View } = {},
  ): void {
    const { scale = 1, bias = 0, alpha = 0, sum } = options;
    const views = [dst, src, ...columns(dst, scale, bias), ...(sum ? [stretch(sum, dst)] : [])];
    for (const { aps } of tile(views)) {
      const [d, s, ...rest] = aps as [BufferAp, BufferAp, ...BufferAp[]];
      this.emit('act', {
        m: 'ACTIVATE',
        func,
        dst: d,
        src: s,
        scale: scalarOf(scale, rest, 'f32'),
        bias: scalarOf(bias, rest, 'f32'),
        alpha,
        sum: sum !== undefined,
        sumDst: sum === undefined ? NO_AP : columnAp(rest),
      } as never);
      this.charge('act', d, 1);
    }
  }

  /** dst = op(a, b) element by element. */
  tensorTensor(
    op: AluOp,
    dst: View,
    a: View,
    b: View,
    options: { exact?: boolean; engine?: 'dve' | 'pool'; reduce?: { op: ReduceOp; into: View } } = {},
  ): void {
    const { engine = 'dve', exact = false, reduce } = options;
    for (const { aps } of tile([dst, a, b, ...(reduce ? [stretch(reduce.into, dst)] : [])])) {
      this.emit(engine, {
        m: 'TENSOR_TENSOR',
        op,
        dst: aps[0],
        a: aps[1],
        b: aps[2],
        exact,
        reduce: reduce !== undefined,
        reduceOp: reduce?.op ?? 'add',
        reduceDst: reduce === undefined ? NO_AP : columnAp(aps.slice(3) as BufferAp[]),
      } as never);
      this.charge(engine, aps[0] as BufferAp, 2);
    }
  }

  /** dst = op1(op0(src, s0), s1); columns have one element per partition. */
  tensorScalar(
    op0: AluOp,
    dst: View,
    src: View,
    s0: ScalarOperand,
    options: {
      op1?: AluOp;
      s1?: ScalarOperand;
      reverse0?: boolean;
      reverse1?: boolean;
      integer?: boolean;
      exact?: boolean;
      engine?: 'dve' | 'pool';
      reduce?: { op: ReduceOp; into: View };
    } = {},
  ): void {
    const {
      op1 = 'bypass',
      s1 = 0,
      reverse0 = false,
      reverse1 = false,
      integer = false,
      exact = false,
      engine = 'dve',
      reduce,
    } = options;
    const immediate = integer ? 'i32' : 'f32';
    for (const { aps } of tile([
      dst,
      src,
      ...columns(dst, s0, s1),
      ...(reduce ? [stretch(reduce.into, dst)] : []),
    ])) {
      const [d, s, ...rest] = aps as [BufferAp, BufferAp, ...BufferAp[]];
      this.emit(engine, {
        m: 'TENSOR_SCALAR',
        op0,
        op1,
        dst: d,
        src: s,
        s0: scalarOf(s0, rest, immediate),
        s1: scalarOf(s1, rest, immediate),
        reverse0,
        reverse1,
        exact,
        reduce: reduce !== undefined,
        reduceOp: reduce?.op ?? 'add',
        reduceDst: reduce === undefined ? NO_AP : columnAp(rest),
      } as never);
      this.charge(engine, d, op0 === 'pow' || op1 === 'pow' ? 8 : 1);
    }
  }

  /** dst = op1(op0(src, s0), b). */
  scalarTensorTensor(
    op0: AluOp,
    op1: AluOp,
    dst: View,
    src: View,
    s0: ScalarOperand,
    b: View,
    options: { reverse0?: boolean; reverse1?: boolean; integer?: boolean; engine?: 'dve' | 'pool' } = {},
  ): void {
    const engine = options.engine ?? 'dve';
    for (const { aps } of tile([dst, src, b, ...columns(dst, s0)])) {
      const [d, s, t, ...rest] = aps as [BufferAp, BufferAp, BufferAp, ...BufferAp[]];
      this.emit(engine, {
        m: 'SCALAR_TENSOR_TENSOR',
        op0,
        op1,
        dst: d,
        src: s,
        s0: scalarOf(s0, rest, options.integer ? 'i32' : 'f32'),
        b: t,
        reverse0: options.reverse0 ?? false,
        reverse1: options.reverse1 ?? false,
        exact: false,
        reduce: false,
        reduceOp: 'add',
        reduceDst: NO_AP,
      } as never);
      this.charge(engine, d, 2);
    }
  }

  select(dst: View, mask: View, a: View, b: View): void {
    for (const { aps } of tile([dst, mask, a, b])) {
      this.emit('dve', { m: 'SELECT', dst: aps[0], mask: aps[1], a: aps[2], b: aps[3] } as never);
      this.charge('dve', aps[0] as BufferAp, 3);
    }
  }

  /** dst = src converted; on the engine named, or the less busy of ACT and DVE. */
  copy(dst: View, src: View, options: { exact?: boolean; engine?: VectorEngine } = {}): void {
    const engine = options.engine ?? this.lessBusy();
    for (const { aps } of tile([dst, src])) {
      this.emit(engine, { m: 'COPY', dst: aps[0], src: aps[1], exact: options.exact ?? false } as never);
      this.charge(engine, aps[0] as BufferAp, 1);
    }
  }

  memset(dst: View, bits: number, engine: 'dve' | 'pool' = 'dve'): void {
    for (const { aps } of tile([dst])) {
      this.emit(engine, { m: 'MEMSET', dst: aps[0], bits: bits >>> 0 } as never);
      this.charge(engine, aps[0] as BufferAp, 1);
    }
  }

  /**
   * dst (axes reduced have size 1) = reduction of src over `axes`, which lie within partitions. A reduction of more dims
   * than an access pattern has is done in several instructions by the kernel, not here: at most 3 merged axes may be reduced.
   */
  reduce(op: ReduceOp, dst: View, src: View, axes: readonly number[], engine: 'dve' | 'pool' = 'dve'): void {
    const kept = src.axes.map((_, i) => i).filter((i) => !axes.includes(i));
    const inner = tile([{ ...src, axes: axes.map((i) => src.axes[i] ?? { n: 1, p: 0, f: 0 }), p0: 0 }], 4);
    const reducedDims = inner[0]?.aps[0]?.counts.filter((n) => n > 1).length ?? 0;
    if (inner.length !== 1) throw bug('E1306', 'a reduction needs more dims than one instruction has');
    const part = (v: View): View => ({ ...v, axes: kept.map((i) => v.axes[i] ?? { n: 1, p: 0, f: 0 }) });
    const shape = inner[0]?.aps[0] as BufferAp;
    for (const { aps } of tile([part(dst), part(src)], Math.max(1, 4 - Math.max(1, reducedDims)))) {
      const [d, s] = aps as [BufferAp, BufferAp];
      const keep = [0, 1, 2, 3].filter((i) => s.counts[i] !== 1);
      const reduced = [0, 1, 2, 3].filter((i) => shape.counts[i] !== 1);
      if (reduced.length === 0) reduced.push(3);
      const dims = [
        ...keep.map((i) => [s.counts[i], s.strides[i]]),
        ...reduced.map((i) => [shape.counts[i], shape.strides[i]]),
      ];
      while (dims.length < 4) dims.unshift([1, 0]);
      if (dims.length > 4) throw bug('E1306', 'a reduction needs more dims than one instruction has');
      const full = {
        ...s,
        counts: dims.map((x) => x[0]),
        strides: dims.map((x) => x[1]),
      } as unknown as BufferAp;
      const out = { ...d, counts: [1, 1, 1, 1], strides: [0, 0, 0, 0] } as unknown as {
        counts: number[];
        strides: number[];
      };
      keep.forEach((i, k) => {
        out.counts[4 - keep.length + k] = d.counts[i] ?? 1;
        out.strides[4 - keep.length + k] = d.strides[i] ?? 0;
      });
      this.emit(engine, { m: 'REDUCE', op, dst: out, src: full, axes: reduced.length } as never);
      this.charge(engine, full, 1);
    }
  }

  /** The one access pattern of a view: for instructions whose operands differ in shape. */
  single(v: View): BufferAp {
    return singleAp(v);
  }

  /** Any other DVE or POOL instruction over single access patterns. */
  raw(
    engine: EngineName,
    instruction: { m: Instruction['m'] } & Record<string, unknown>,
    cost: BufferAp,
  ): void {
    this.emit(engine, instruction as never);
    if (engine !== 'pe' && engine !== 'sp') this.charge(engine, cost, 1);
  }

  /** dst[p, i] = base + p * perPartition + i * step (the flattened free index), on POOL, or DVE where there is none. */
  iota(
    dst: View,
    base: number,
    perPartition: number,
    steps: readonly [number, number, number, number],
  ): void {
    const engine = this.affineEngine();
    this.emit(engine, { m: 'IOTA', dst: singleAp(dst), base, perPartition, steps } as never);
    this.charge(engine, singleAp(dst), 1);
  }

  affineSelect(
    dst: View,
    src: View,
    compare: Comparison,
    base: number,
    perPartition: number,
    steps: readonly [number, number, number, number],
    fill: number,
  ): void {
    const engine = this.affineEngine();
    this.emit(engine, {
      m: 'AFFINE_SELECT',
      dst: singleAp(dst),
      src: singleAp(src),
      compare,
      base,
      perPartition,
      steps,
      fill,
    } as never);
    this.charge(engine, singleAp(dst), 1);
  }

  /** Moves elements between any two views of one shape and element size; cut over several queues where large. */
  dma(dst: View, src: View): void {
    const bytes = viewShape(dst).reduce((a, b) => a * b, CHIP_DTYPE_BYTES[dst.dtype]);
    if (bytes === 0) return;
    const cut = panelCut(dst) ?? panelCut(src);
    if (cut !== undefined) {
      // Panel by panel, so that each transfer fills one buffer and its readers need not wait for the others.
      for (let i = 0; i < cut.n; i += cut.size) {
        const size = Math.min(cut.size, cut.n - i);
        this.dma(sliceAxis(dst, cut.axis, i, size), sliceAxis(src, cut.axis, i, size));
      }
      return;
    }
    const pieces = Math.min(MAX_PIECES, Math.ceil(bytes / PIECE_BYTES));
    const axis = dst.axes.findIndex((a, i) => a.n >= pieces && (a.p !== 0 || src.axes[i]?.p !== 0));
    if (pieces === 1 || axis < 0) {
      this.transfer(copyDescriptors(dst, src));
      return;
    }
    const n = dst.axes[axis]?.n ?? 1;
    const step = Math.ceil(n / pieces);
    for (let i = 0; i < n; i += step) {
      const size = Math.min(step, n - i);
      this.transfer(copyDescriptors(sliceAxis(dst, axis, i, size), sliceAxis(src, axis, i, size)));
    }
  }

  /** One trigger: its descriptors complete together. The queue and the triggering engine are the scheduler's choice. */
  transfer(descriptors: readonly BufferDescriptor[]): void {
    if (descriptors.length > 0)
      this.emit('sp', { m: 'DMA', queue: 0, first: 0, count: descriptors.length } as never, descriptors);
  }

  lessBusy(): 'act' | 'dve' {
    return this.load.act <= this.load.dve ? 'act' : 'dve';
  }

  private affineEngine(): 'pool' | 'dve' {
    return this.target.clockMhz.pool > 0 ? 'pool' : 'dve';
  }

  private charge(engine: 'act' | 'dve' | 'pool', ap: BufferAp, inputs: number): void {
    const elements = ap.counts.reduce((a, b) => a * b, 1);
    this.load[engine] +=
      (Math.max(elements * inputs, COSTS.minimumCycles) * 1000) / this.target.clockMhz[engine];
  }
}
