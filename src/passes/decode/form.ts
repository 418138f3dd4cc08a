// In which form a step has a value: of each token axis either the row of this step's token, or all entries up to the
// greatest length (those of later tokens are zero or anything finite, and have been proven not to matter).
import { extentAt, type TokenAxis } from './axes.js';
import type { Facts } from './facts.js';

export type AxisForm = 'row' | 'whole';
export type Form = ReadonlyMap<number, AxisForm>;

export function formKey(form: Form): string {
  return [...form].map(([axis, f]) => `${axis}${f}`).join(' ');
}

export function uniformForm(f: Facts, each: AxisForm): Form {
  return new Map(f.axes.map(({ axis }) => [axis, each]));
}

export function isUniform(form: Form, each: AxisForm): boolean {
  return [...form.values()].every((f) => f === each);
}

/** The shape of a value in a form; `length` entries where an axis is whole. */
export function shapeInForm(
  shape: readonly number[],
  axes: readonly TokenAxis[],
  form: Form,
  length: number,
): number[] {
  const out = [...shape];
  for (const a of axes) out[a.axis] = form.get(a.axis) === 'row' ? a.outer * a.inner : extentAt(a, length);
  return out;
}
