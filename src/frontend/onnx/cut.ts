// Slices of one axis with bounds as numpy takes them, resolved to a first index, a count and a step.

export interface Cut {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/** Bounds as numpy takes them: counted from the end where negative, clamped to the dim. */
export function cut(dim: number, start: number, end: number, step: number): Cut {
  const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1];
  const clamped = (bound: number) => Math.min(Math.max(bound < 0 ? bound + dim : bound, low), high);
  // With a negative step a start before the first element is the first element's place less one: nothing is taken.
  const from = clamped(start);
  const count = Math.max(0, Math.ceil((clamped(end) - from) / step));
  return { start: count === 0 ? 0 : from, size: count, step };
}
