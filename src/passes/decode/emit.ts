// Makes the step from the proof, from the results backwards: every value is made in the form it is asked for. A value of
// which all tokens are needed becomes a state that gets one row a step (or is computed again from the token buffer, in the
// padded step); a constant with a token axis gives its row by a gather; what depends on the context alone is made by the
// prologue. Nothing is decided here about soundness.
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { elementCount } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import { axisAt, isMerged, isPlain, type TokenAxis } from './axes.js';
import { emitAttention } from './emit-attention.js';
import { emitRecurrence } from './emit-recurrence.js';
import { emitWindow } from './emit-window.js';
import type { Emitter } from './emitter.js';
import type { Facts } from './facts.js';
import { type AxisForm, type Form, formKey, isUniform, shapeInForm, uniformForm } from './form.js';
import type { Plan } from './plan.js';
import type { Proof } from './prove.js';
import { refuse } from './refusal.js';
import type { StepParts } from './step-parts.js';

/** Moves that a cache may be placed before: the state is smaller there, or the same. */
const MOVES = new Set(['reshape', 'transpose', 'broadcast']);

export class StepEmitter implements Emitter {
  readonly builder: GraphBuilder;
  readonly proof: Proof;
  readonly parts: StepParts;
  readonly incremental: boolean;
  private readonly made = new Map<Value, Map<string, Value>>();
  private readonly together = new Map<Node, readonly Value[]>();

  constructor(proof: Proof, parts: StepParts, incremental: boolean) {
    this.proof = proof;
    this.parts = parts;
    this.builder = parts.builder;
    this.incremental = incremental;
  }

  factsOf(v: Value): Facts {
    return (
      this.proof.facts.get(v) ?? refuse(this.proof.view.producer(v), 'a value is used that was not looked at')
    );
  }

  get max(): number {
    return this.proof.family.max;
  }

  emit(v: Value, form: Form): Value {
    const key = formKey(form);
    const forms = this.made.get(v) ?? new Map<string, Value>();
    const known = forms.get(key);
    if (known !== undefined) return known;
    const value = this.make(v, form);
    forms.set(key, value);
    this.made.set(v, forms);
    return value;
  }

  once(node: Node, make: () => readonly Value[]): readonly Value[] {
    const values = this.together.get(node) ?? make();
    this.together.set(node, values);
    return values;
  }

  whole(v: Value): Value {
    return this.emit(v, uniformForm(this.factsOf(v), 'whole'));
  }

  rowOf(value: Value, a: TokenAxis): Value {
    const shape = value.type.shape as readonly number[];
    if (!isMerged(a)) return this.builder.one('gather', [value, this.parts.row()], { axis: a.axis });
    const tokens = (shape[a.axis] ?? 1) / (a.outer * a.inner);
    const apart = [...shape.slice(0, a.axis), a.outer, tokens, a.inner, ...shape.slice(a.axis + 1)];
    const split = this.builder.one('reshape', [value], { shape: apart });
    const row = this.builder.one('gather', [split, this.parts.row()], { axis: a.axis + 1 });
    return this.builder.one('reshape', [row], { shape: shape.with(a.axis, a.outer * a.inner) });
  }

  private make(v: Value, form: Form): Value {
    const f = this.factsOf(v);
    if (constantOf(v) !== undefined) return this.constant(v, f, form);
    if (f.source === 'constant') return this.emitNode(v, form);
    if (f.source === 'context' && !f.last && isUniform(form, 'whole')) return this.fromContext(v);
    const parameter = this.proof.family.reference.body.params.indexOf(v);
    if (parameter >= 0) return this.parameter(v, parameter, f, form);
    const cached =
      this.incremental && !f.last && f.source === 'tokens' && f.axes.length === 1 && isUniform(form, 'whole');
    return cached ? this.fromCache(v) : this.emitNode(v, form);
  }

  private constant(v: Value, f: Facts, form: Form): Value {
    const constant = constantOf(v);
    if (constant === undefined) return refuse(undefined, 'a constant is missing');
    const value = f.last
      ? this.parts.perStep(v, (length) => this.proof.constantAt(v, length))
      : this.builder.constant(constant, v.name);
    return this.rowsOf(value, f, form);
  }

  /** Gathers the rows that the form asks for from a value that has all. */
  private rowsOf(value: Value, f: Facts, form: Form): Value {
    return f.axes.reduce((x, a) => (form.get(a.axis) === 'row' ? this.rowOf(x, a) : x), value);
  }

  /** The smallest value on the way back through moves, and with it less to send to the device, or to keep there. */
  private site(v: Value, fits: (candidate: Value) => boolean): Value {
    let best = v;
    for (
      let at = this.proof.view.producer(v);
      at !== undefined && MOVES.has(at.op);
      at = at.inputs[0] && this.proof.view.producer(at.inputs[0])
    ) {
      const [x] = at.inputs;
      if (x === undefined || constantOf(x) !== undefined) break;
      const size = (value: Value): number => elementCount(value.type.shape as readonly number[]);
      const better = size(x) < size(best) || !fits(best);
      if (fits(x) && better) best = x;
    }
    return best;
  }

  private fromContext(v: Value): Value {
    const site = this.site(v, () => true);
    return site === v ? this.parts.context(v) : this.emitNode(v, uniformForm(this.factsOf(v), 'whole'));
  }

  private fromCache(v: Value): Value {
    const site = this.site(v, (candidate) => {
      const f = this.factsOf(candidate);
      return f.axes.length === 1 && f.axes.every(isPlain) && f.source === 'tokens';
    });
    const form = uniformForm(this.factsOf(v), 'whole');
    if (site !== v) return this.emitNode(v, form);
    const [axis] = this.factsOf(v).axes;
    // Rows merged with others, or ones that are not one a token, are computed anew from what can be kept.
    if (axis === undefined || !isPlain(axis)) return this.emitNode(v, form);
    return this.append(v, axis);
  }

  private append(v: Value, axis: TokenAxis): Value {
    const row = this.emit(v, new Map([[axis.axis, 'row']]));
    return this.parts.cache(v, axis.axis, row);
  }

  private parameter(v: Value, index: number, f: Facts, form: Form): Value {
    const kind = this.proof.family.parameters[index];
    if (kind?.kind === 'context') return this.parts.context(v);
    const [axis] = f.axes;
    if (kind?.kind === 'state') {
      // A buffer has room for the row of this step, which the decoder's input has not.
      const buffer = this.parts.state(kind.index);
      const all = axis === undefined ? buffer : this.parts.cut(buffer, axis.axis, 0, this.max + axis.extra);
      return this.rowsOf(all, f, form);
    }
    return axis === undefined || form.get(axis.axis) === 'row' ? this.parts.token : this.append(v, axis);
  }

  private emitNode(v: Value, form: Form): Value {
    const node = this.proof.view.producer(v);
    const plan = node && this.proof.plans.get(node);
    if (node === undefined || plan === undefined || v.def.kind !== 'result')
      return refuse(node, 'a value is used that was not looked at');
    this.builder.origin = node.origins;
    const { index } = v.def;
    const { special } = plan;
    const f = this.factsOf(v);
    if (special?.kind === 'select') return this.select(node, plan, special.axis, form);
    if (special?.kind === 'append') return this.rowsOf(this.appended(node, special.axis), f, form);
    if (special?.kind === 'window' && form.get(special.axis) === 'row')
      return emitWindow(this, node, special.axis, 0, 0);
    if (special?.kind === 'attention') return emitAttention(this, node, form);
    if (special?.kind === 'recurrence') return emitRecurrence(this, node, v, form);
    // Axes that come out of an operator that runs over them exist as a whole only.
    const produced = this.wholeOnly(plan, f);
    const asked: Form = new Map([...form].map(([axis, a]) => [axis, produced.has(axis) ? 'whole' : a]));
    const inputs = this.operands(node, plan, asked);
    this.builder.origin = node.origins;
    const results = this.builder.node(node.op, inputs, this.attrsInForm(node, v, asked), {
      names: node.outputs.map((o) => o.name),
    });
    const value = results[index] ?? refuse(node, 'a result is missing');
    const rows = f.axes.filter((a) => form.get(a.axis) === 'row' && produced.has(a.axis));
    return rows.reduce((x, a) => this.rowOf(x, a), value);
  }

  /** Token axes of the result that no operand's axis becomes: those a softmax runs over. New ones of a broadcast are free. */
  private wholeOnly({ flow }: Plan, f: Facts): Set<number> {
    const ran = new Set<number>();
    for (const map of flow)
      for (const [axis, to] of map) if (to === 'whole' && axisAt(f.axes, axis) !== undefined) ran.add(axis);
    for (const map of flow) for (const to of map.values()) if (typeof to === 'number') ran.delete(to);
    return ran;
  }

  operands(node: Node, plan: Plan, form: Form): Value[] {
    return node.inputs.map((input, i) => {
      const f = this.factsOf(input);
      const inner = new Map<number, AxisForm>(
        f.axes.map(({ axis }) => {
          const to = plan.flow[i]?.get(axis) ?? 'whole';
          return [axis, to === 'whole' ? 'whole' : (form.get(to) ?? 'whole')];
        }),
      );
      const value = this.emit(input, inner);
      const fill = plan.fill?.get(i);
      return fill === undefined ? value : this.filled(value, axisAt(f.axes, fill.axis), fill.value);
    });
  }

  /** Entries beyond the last token replaced by what counts for nothing. */
  filled(value: Value, a: TokenAxis | undefined, by: number): Value {
    if (a === undefined) return value;
    const rank = value.type.shape.length;
    const valid = this.parts.upTo(rank, a.axis, this.max + a.extra, a.extra);
    return this.builder.one('where', [valid, value, this.builder.scalar(value.type.dtype, by)]);
  }

  private attrsInForm(node: Node, v: Value, form: Form) {
    const shape = shapeInForm(v.type.shape as readonly number[], this.factsOf(v).axes, form, this.max);
    if (node.op === 'reshape' || node.op === 'broadcast') return { ...node.attrs, shape };
    if (node.op === 'slice') return { ...node.attrs, sizes: shape };
    return node.attrs;
  }

  /** The row of this step's token in place of that of the last. */
  private select(node: Node, plan: Plan, axis: number, form: Form): Value {
    const [x] = node.inputs;
    const out = node.outputs[0];
    if (x === undefined || out === undefined) return refuse(node, 'an operand is missing');
    const f = this.factsOf(x);
    const own = axisAt(f.axes, axis) ?? refuse(node, 'a token axis is missing');
    const direct = this.incremental && !f.last;
    const inner = new Map<number, AxisForm>(
      f.axes.map((a) => {
        const to = plan.flow[0]?.get(a.axis);
        const outer = typeof to === 'number' ? (form.get(to) ?? 'whole') : 'whole';
        return [a.axis, a === own ? (direct ? 'row' : 'whole') : outer];
      }),
    );
    const value = this.emit(x, inner);
    const row = direct ? value : this.rowOf(value, own);
    const shape = shapeInForm(out.type.shape as readonly number[], this.factsOf(out).axes, form, this.max);
    const others = node.op === 'slice' ? this.sliceApart(node, row, axis) : row;
    return this.builder.one('reshape', [others], { shape });
  }

  /** What a slice that takes the last token does on other axes. */
  private sliceApart(node: Node, row: Value, axis: number): Value {
    const starts = (node.attrs.starts as readonly number[]).with(axis, 0);
    const sizes = (node.attrs.sizes as readonly number[]).map((size, i) =>
      starts[i] === 0 && size === node.inputs[0]?.type.shape[i]
        ? ((row.type.shape[i] as number | undefined) ?? size)
        : size,
    );
    return this.builder.one('slice', [row], { ...node.attrs, starts, sizes });
  }

  /** Room for one more row. */
  private widened(value: Value, axis: number): Value {
    const none = value.type.shape.map(() => 0);
    return this.builder.one('pad', [value], {
      low: none,
      high: none.with(axis, 1),
      mode: 'constant',
      value: 0,
    });
  }

  private appended(node: Node, axis: number): Value {
    const [past, added] = node.inputs;
    if (past === undefined || added === undefined) return refuse(node, 'an operand is missing');
    const index = this.proof.family.reference.body.params.indexOf(past);
    const kind = this.proof.family.parameters[index];
    const buffer =
      kind?.kind === 'state' ? this.parts.state(kind.index) : this.widened(this.whole(past), axis);
    return this.parts.put(buffer, axis, this.whole(added));
  }
}
