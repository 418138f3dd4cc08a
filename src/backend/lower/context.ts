// What a kernel sees while a graph is lowered: where each value lies (possibly in several layouts), how to get it into the
// layout the kernel wants, constants as packed weights, and where results go. Memory pressure is kept below a budget by
// spilling the value whose next use is farthest (Belady), in program order.
import { bug, unsupported } from '../../base/diagnostic.js';
import { PARTITIONS } from '../../chip/target.js';
import type { Constant } from '../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { elementCount, staticShape } from '../../ir/type.js';
import { CHIP_DTYPE_BYTES, type ChipDType } from '../../isa/operands.js';
import type { Join } from '../plan/joins.js';
import type { Buffer } from './buffer.js';
import type { Builder } from './builder.js';
import { CHIP_TYPE } from './chip-type.js';
import { constantForm } from './constant-form.js';
import { hasPartitions } from './layout.js';
import { move } from './move.js';
import { broadcastByPe, peCarries } from './transpose.js';
import {
  broadcastView,
  dramView,
  permuteView,
  reshapeView,
  sliceAxis,
  type View,
  viewShape,
} from './view.js';
import type { WeightPool } from './weight-pool.js';

/** Facts about the graph that the plan provides to lowering. */
export interface Plan {
  /** Axes that consumers would like on partitions, by value. */
  readonly wanted: ReadonlyMap<Value, readonly number[]>;
  /** Values that may hold infinities, NaNs or magnitudes that PE cannot pass exactly: they never cross PE. */
  readonly mayBeNonFinite: ReadonlySet<Value>;
  /** Values that are made in their place of a concatenation's result. */
  readonly joins: ReadonlyMap<Value, Join>;
  /** Indices of gathers are in range by construction (tokens that arg-max chose, positions): they need no trap. */
  readonly indicesInRange?: boolean;
  /** Engine of depthwise convolutions; default what the cost model says. */
  readonly depthwise?: 'pe' | 'dve';
}

/** Shares of a partition's SBUF bytes: what values that live between nodes may take; the rest is for kernels. */
const LIVE_SHARE = 0.6;
/** Share of what values may take that a result made of parts may hold from its first part on. */
const JOINED_SHARE = 0.7;

export class LowerContext {
  readonly b: Builder;
  readonly plan: Plan;
  private readonly pool: WeightPool;
  private readonly homes = new Map<Value, View[]>();
  /** Remaining uses by position, ascending, for each value. */
  private readonly uses: Map<Value, number[]>;
  private position = 0;
  private readonly references = new Map<Buffer, number>();
  private live = 0;
  /** Results of concatenations some of whose parts are made in place already. */
  private readonly joined = new Map<Value, { readonly view: View; readonly partition: readonly number[] }>();

  constructor(b: Builder, plan: Plan, uses: Map<Value, number[]>, pool: WeightPool) {
    this.b = b;
    this.pool = pool;
    this.plan = plan;
    this.uses = uses;
  }

  // ---- shapes ----

  shape(v: Value): readonly number[] {
    const s = staticShape(v.type);
    if (s === undefined) throw bug('E1320', `value ${v.name} has a symbolic dim after planning`);
    return s;
  }

  dtype(v: Value): ChipDType {
    const t = CHIP_TYPE[v.type.dtype];
    if (t === undefined)
      throw unsupported('E4110', `the chip holds no ${v.type.dtype} values`, { node: v.name });
    return t;
  }

  // ---- homes ----

  /** Registers where a value lies; several layouts may be known at once. */
  define(v: Value, view: View): void {
    const known = this.homes.get(v);
    if (known === undefined) this.homes.set(v, [view]);
    else known.push(view);
    this.hold(view, 1);
  }

  /** All known places of a value, first the one it was made in. A constant gets a DRAM variable in row-major order. */
  places(v: Value): readonly View[] {
    const known = this.homes.get(v);
    if (known !== undefined) return known;
    const constant = constantOf(v);
    if (constant === undefined)
      throw bug(
        'E1321',
        `value ${v.name} (of ${v.def.kind === 'result' ? v.def.node.op : v.def.kind}) is used before it is made`,
      );
    const shape = this.shape(v);
    return [
      dramView(
        this.constantBuffer(
          constant,
          shape.map((_, i) => i),
          this.dtype(v),
        ),
        this.dtype(v),
        shape,
      ),
    ];
  }

  /** The place that is cheapest to read as it is: on chip before DRAM. */
  place(v: Value): View {
    const places = this.places(v);
    return places.find((p) => p.space !== 'dram') ?? (places[0] as View);
  }

  /** A place in DRAM, made by a store where there is none. */
  inDram(v: Value): View {
    const known = this.places(v).find((p) => p.space === 'dram');
    if (known !== undefined) return known;
    const shape = this.shape(v);
    const dst = dramView(
      this.scratch(v.name, elementCount(shape) * CHIP_DTYPE_BYTES[this.dtype(v)]),
      this.dtype(v),
      shape,
    );
    move(this.b, dst, this.place(v), this.mayCrossPe(v));
    this.define(v, dst);
    return dst;
  }

  scratch(name: string, bytes: number): Buffer {
    return this.b.buffer('dram', name, 1, bytes, { variable: 'scratch' });
  }

  mayCrossPe(v: Value): boolean {
    return !this.plan.mayBeNonFinite.has(v);
  }

  // ---- getting operands ----

  /** The value on chip with exactly these axes on partitions (outer to inner), dense from partition 0. */
  fetch(v: Value, partition: readonly number[]): View {
    const constant = constantOf(v);
    if (constant !== undefined) return this.weight(constant, partition, this.dtype(v));
    const known = this.places(v).find((p) => hasPartitions(p, partition));
    if (known !== undefined) return known;
    const shape = this.shape(v);
    const dst = this.b.sbuf(v.name, this.dtype(v), shape, partition);
    move(this.b, dst, this.cheapest(this.places(v), dst), this.mayCrossPe(v));
    this.define(v, dst);
    return dst;
  }

  /**
   * The value broadcast to `shape`, on chip, with the axes of `shape` in `partition` on partitions. Axes it does not have
   * are replicated over partitions by a transfer, and cost nothing within them.
   */
  fetchBroadcast(v: Value, shape: readonly number[], partition: readonly number[]): View {
    const own = this.shape(v);
    const lead = shape.length - own.length;
    const mine = partition.filter((i) => i >= lead && own[i - lead] === shape[i]).map((i) => i - lead);
    const missing = partition.filter(
      (i) => (shape[i] ?? 1) > 1 && !(i >= lead && own[i - lead] === shape[i]),
    );
    if (missing.length === 0) return broadcastView(this.fetch(v, mine), shape);
    const full = own.map((n, i) => (partition.includes(i + lead) ? (shape[i + lead] ?? n) : n));
    const leading = shape.slice(0, lead).map((n, i) => (partition.includes(i) ? n : 1));
    const wide = [...leading, ...full];
    const source = broadcastView(this.place(v), wide);
    const name = `${v.name}*`;
    if (constantOf(v) !== undefined) {
      const key = `b${source.panels[0]?.id}:${partition.map((i) => `${i - lead}x${shape[i]}`)}`;
      const filled = this.pooled(key, () => {
        const dst = this.b.sbuf(name, this.dtype(v), wide, partition, undefined, { weight: true });
        return this.b.weight(dst, () => this.b.dma(dst, source));
      });
      return broadcastView(filled, shape);
    }
    const dst = this.b.sbuf(name, this.dtype(v), wide, partition);
    if (!this.replicate(v, dst, partition)) this.b.dma(dst, source);
    return broadcastView(dst, shape);
  }

  /** Through PE, where the value lies in one partition, is small and may cross PE; false: the caller transfers it. */
  private replicate(v: Value, dst: View, partition: readonly number[]): boolean {
    const place = this.places(v).find(
      (p) => p.space === 'sbuf' && p.p0 % PARTITIONS === 0 && p.axes.every((a) => a.n === 1 || a.p === 0),
    );
    if (place === undefined || !peCarries(this.b.target, place, this.mayCrossPe(v))) return false;
    const lanes = partition.reduce((n, i) => n * (dst.axes[i]?.n ?? 1), 1);
    const order = [...partition, ...dst.axes.map((_, i) => i).filter((i) => !partition.includes(i))];
    const to = reshapeView(permuteView(dst, order), [lanes, elementCount(viewShape(place))]);
    const from = reshapeView(place, [1, elementCount(viewShape(place))]);
    if (to === undefined || from === undefined || elementCount(viewShape(place)) > 2048) return false;
    broadcastByPe(this.b, to, from);
    return true;
  }

  /** A constant as a packed weight: its DRAM variable holds the very bytes of the panels, so that rows are long. */
  weight(
    constant: Constant,
    partition: readonly number[],
    dtype: ChipDType,
    free: readonly number[] = constant.shape.map((_, i) => i).filter((i) => !partition.includes(i)),
  ): View {
    const shape = constant.shape;
    const order = [...partition, ...free];
    const buffer = this.constantBuffer(constant, order, dtype);
    return this.pooled(`w${buffer.id}:${partition.length}`, () => {
      const dst = this.b.sbuf(buffer.name, dtype, shape, partition, free, { weight: true });
      const src = dramView(
        buffer,
        dtype,
        order.map((i) => shape[i] ?? 1),
      );
      const back = order.map((_, i) => order.indexOf(i));
      return this.b.weight(dst, () => this.b.dma(dst, permuteView(src, back)));
    });
  }

  private pooled(key: string, make: () => View): View {
    const known = this.pool.loaded.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.pool.loaded.set(key, made);
    return made;
  }

  /** A constant that kernels make for themselves, one object for one key, so that it is stored and loaded once. */
  shared(key: string, constant: Constant): Constant {
    return this.pool.shared(key, constant);
  }

  /** The DRAM variable with the constant's elements in the given order of axes, as `dtype`. */
  private constantBuffer(from: Constant, order: readonly number[], dtype: ChipDType): Buffer {
    const constant = this.pool.interned.of(from);
    const key = `${order.join()}:${dtype}`;
    const forms = this.pool.formsOf(constant);
    let buffer = forms.get(key);
    if (buffer === undefined) {
      buffer = this.b.buffer('dram', 'constant', 1, elementCount(constant.shape) * CHIP_DTYPE_BYTES[dtype], {
        variable: 'constant',
      });
      this.pool.constants.set(buffer, constantForm(constant, order, dtype));
      forms.set(key, buffer);
    }
    return buffer;
  }

  private cheapest(places: readonly View[], dst: View): View {
    return (
      places.find((p) => p.space !== 'dram') ??
      places.find((p) => p.space === dst.space) ??
      (places[0] as View)
    );
  }

  // ---- results ----

  /** A new on-chip home for a result, with these axes on partitions; spills others where the budget is short. */
  result(v: Value, partition: readonly number[], free?: readonly number[]): View {
    const slot = free === undefined ? this.slot(v, partition) : undefined;
    if (slot !== undefined) {
      this.define(v, slot);
      return slot;
    }
    const shape = this.shape(v);
    this.makeRoom(this.bytesPerPartition(v, partition));
    const view = this.b.sbuf(v.name, this.dtype(v), shape, partition, free);
    this.define(v, view);
    return view;
  }

  /** The place of a value in the concatenation that it only goes into, where both lie alike. */
  private slot(v: Value, partition: readonly number[]): View | undefined {
    const join = this.plan.joins.get(v);
    if (join === undefined || partition.includes(join.axis)) return undefined;
    const { out, axis, start, size } = join;
    let home = this.joined.get(out);
    if (home === undefined) {
      const bytes = this.bytesPerPartition(out, partition);
      if (bytes > this.budget() * JOINED_SHARE) return undefined;
      this.makeRoom(bytes);
      home = { view: this.b.sbuf(out.name, this.dtype(out), this.shape(out), partition), partition };
      this.hold(home.view, 1);
      this.joined.set(out, home);
    }
    return home.partition.join() === partition.join() ? sliceAxis(home.view, axis, start, size) : undefined;
  }

  /** The home of a concatenation some of whose parts were made in place, as the home of its result. */
  joinedResult(out: Value): View | undefined {
    const home = this.joined.get(out)?.view;
    if (home === undefined) return undefined;
    this.define(out, home);
    this.hold(home, -1);
    this.joined.delete(out);
    return home;
  }

  /** Whether a value with these axes on partitions may live on chip at all. */
  fits(v: Value, partition: readonly number[]): boolean {
    return this.bytesPerPartition(v, partition) <= this.budget() * 0.8;
  }

  bytesPerPartition(v: Value, partition: readonly number[]): number {
    const shape = this.shape(v);
    const rows = partition.reduce((n, i) => n * (shape[i] ?? 1), 1);
    const elements = elementCount(shape) / Math.max(1, rows);
    return Math.ceil(rows / PARTITIONS) * elements * CHIP_DTYPE_BYTES[this.dtype(v)];
  }

  budget(): number {
    return this.b.target.sbufPartitionBytes * LIVE_SHARE;
  }

  /** A DRAM home for a result that is too large for the chip. */
  resultInDram(v: Value): View {
    const shape = this.shape(v);
    const view = dramView(
      this.scratch(v.name, elementCount(shape) * CHIP_DTYPE_BYTES[this.dtype(v)]),
      this.dtype(v),
      shape,
    );
    this.define(v, view);
    return view;
  }

  // ---- lifetimes ----

  /** Called between nodes: operands whose last use is past are forgotten. */
  advance(node: Node, position: number): void {
    this.position = position + 1;
    for (const v of node.inputs) {
      const uses = this.uses.get(v);
      while (uses?.[0] !== undefined && uses[0] <= position) uses.shift();
      if ((uses?.length ?? 0) === 0) this.forget(v);
    }
    for (const v of node.outputs) if ((this.uses.get(v)?.length ?? 0) === 0) this.forget(v);
  }

  private forget(v: Value): void {
    for (const view of this.homes.get(v) ?? []) this.hold(view, -1);
    this.homes.delete(v);
  }

  private hold(view: View, by: 1 | -1): void {
    if (view.space !== 'sbuf') return;
    for (const panel of view.panels) {
      const count = (this.references.get(panel) ?? 0) + by;
      if (by === 1 && count === 1) this.live += panel.bytes;
      if (by === -1 && count === 0) this.live -= panel.bytes;
      this.references.set(panel, count);
    }
  }

  private makeRoom(bytes: number): void {
    while (this.live + bytes > this.budget()) {
      let victim: Value | undefined;
      let farthest = this.position;
      for (const [v, views] of this.homes) {
        const next = this.uses.get(v)?.find((u) => u > this.position) ?? -1;
        const now = this.uses.get(v)?.[0] === this.position;
        const inPlace = this.joined.has(this.plan.joins.get(v)?.out ?? v);
        if (!now && !inPlace && next > farthest && views.some((x) => x.space === 'sbuf')) {
          victim = v;
          farthest = next;
        }
      }
      if (victim === undefined) return;
      this.inDram(victim);
      const kept = (this.homes.get(victim) ?? []).filter((x) => x.space === 'dram');
      for (const view of this.homes.get(victim) ?? []) this.hold(view, -1);
      this.homes.set(victim, kept);
    }
  }
}
