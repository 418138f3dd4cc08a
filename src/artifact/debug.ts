// The origins of instructions: which node of the source each one came from, run-length coded.
import { ENGINES, type EngineName } from '../chip/target.js';
import { count, counts, list, oneOf, optional, record, text } from './json.js';

/** A node of the source that instructions come from. */
export interface Origin {
  readonly node: string;
  readonly op: string;
  readonly file?: string;
  readonly line?: number;
}

/** Where code is: a segment's fragment, or an executable's `load` or `main`. */
export const FRAGMENTS = ['segment', 'load', 'main'] as const;
export type FragmentKind = (typeof FRAGMENTS)[number];

/** Origins of one engine's instructions in one fragment: count, origin, count, origin, … */
export interface DebugStream {
  readonly fragment: FragmentKind;
  /** Index of the segment or executable. */
  readonly index: number;
  readonly engine: EngineName;
  readonly runs: readonly number[];
}

export interface DebugInfo {
  readonly origins: readonly Origin[];
  readonly streams: readonly DebugStream[];
}

export const debugInfo = record<DebugInfo>({
  origins: list(record<Origin>({ node: text, op: text, file: optional(text), line: optional(count) })),
  streams: list(
    record<DebugStream>({ fragment: oneOf(FRAGMENTS), index: count, engine: oneOf(ENGINES), runs: counts }),
  ),
});

/** The run-length form of one origin index per instruction. */
export function runsOf(origins: Iterable<number>): number[] {
  const runs: number[] = [];
  let length = 0;
  let current = -1;
  for (const origin of origins) {
    if (origin !== current && length > 0) {
      runs.push(length, current);
      length = 0;
    }
    current = origin;
    length++;
  }
  if (length > 0) runs.push(length, current);
  return runs;
}

/** One origin index per instruction, from its run-length form. */
export function originsOf(runs: readonly number[]): number[] {
  const origins: number[] = [];
  for (let i = 0; i + 1 < runs.length; i += 2) {
    for (let n = runs[i] ?? 0; n > 0; n--) origins.push(runs[i + 1] ?? 0);
  }
  return origins;
}

/** A look-up of an instruction's origin; undefined where none is recorded. */
export function originFinder(
  debug: DebugInfo,
): (fragment: FragmentKind, index: number, engine: EngineName, instruction: number) => Origin | undefined {
  const streams = new Map(debug.streams.map((s) => [`${s.fragment} ${s.index} ${s.engine}`, s.runs]));
  return (fragment, index, engine, instruction) => {
    const runs = streams.get(`${fragment} ${index} ${engine}`) ?? [];
    let end = 0;
    for (let i = 0; i + 1 < runs.length; i += 2) {
      end += runs[i] ?? 0;
      if (instruction < end) return debug.origins[runs[i + 1] ?? -1];
    }
    return undefined;
  };
}
