// The host program: what the host does for one request, as a list of steps. It moves tensors, starts executables, tests flags
// and picks buckets; arithmetic it has none (host operators are called by index, and are listed in the manifest).
// Here: its data, its JSON form and its text form. Whether names exist and state is valid is check-host.ts.
import { count, type Decode, fail, list, MAX_DEPTH, optional, record, text } from './json.js';
import { type TensorPlace, tensorPlace } from './signature.js';

export type HostStep =
  /** Host value `from` (default: of the tensor's name) into the tensor's variable. */
  | { readonly op: 'put'; readonly tensor: string; readonly from?: string }
  /** The tensor's variable into the host value of its name. */
  | { readonly op: 'get'; readonly tensor: string }
  /** Starts an executable; `stages` are started with it, on their cores, and wait for it through the chip's semaphores. */
  | { readonly op: 'execute'; readonly executable: string; readonly stages?: readonly string[] }
  /** Rounds in order, each `times` times, while the flag's word is 0; before an execution has written the flag it counts as 0. */
  | { readonly op: 'while'; readonly flag: string; readonly rounds: readonly HostRound[] }
  /** The case whose bucket has the inputs' sizes along every axis named. */
  | { readonly op: 'pick'; readonly by: readonly DimName[]; readonly cases: readonly HostCase[] }
  /** Host operator of this index in the manifest. */
  | { readonly op: 'call'; readonly operator: number };

export interface HostRound {
  readonly times: number;
  readonly steps: readonly HostStep[];
}

export interface DimName {
  readonly input: string;
  readonly axis: number;
}

/** The program of one bucket. */
export interface HostCase {
  readonly bucket: string;
  /** Its tensors, as those of a program: with variables of the bucket's own. */
  readonly tensors: readonly TensorPlace[];
  readonly steps: readonly HostStep[];
}

export interface HostProgram {
  /** Tensors that move between steps, flags: what is no input or output of the model. */
  readonly tensors: readonly TensorPlace[];
  readonly steps: readonly HostStep[];
}

const STEP_KEYS = {
  put: record<Extract<HostStep, { op: 'put' }>>({
    op: () => 'put',
    tensor: text,
    from: optional(text),
  }),
  get: record<Extract<HostStep, { op: 'get' }>>({ op: () => 'get', tensor: text }),
  execute: record<Extract<HostStep, { op: 'execute' }>>({
    op: () => 'execute',
    executable: text,
    stages: optional(list(text)),
  }),
  while: record<Extract<HostStep, { op: 'while' }>>({
    op: () => 'while',
    flag: text,
    rounds: (value, path) => list(record<HostRound>({ times: count, steps: decodeSteps }))(value, path),
  }),
  pick: record<Extract<HostStep, { op: 'pick' }>>({
    op: () => 'pick',
    by: list(record<DimName>({ input: text, axis: count })),
    cases: (value, path) =>
      list(record<HostCase>({ bucket: text, tensors: list(tensorPlace), steps: decodeSteps }))(value, path),
  }),
  call: record<Extract<HostStep, { op: 'call' }>>({ op: () => 'call', operator: count }),
} satisfies { readonly [O in HostStep['op']]: Decode<Extract<HostStep, { op: O }>> };

/** All steps, as docs/artifact.md lists them. */
export const STEP_NAMES = Object.keys(STEP_KEYS) as readonly HostStep['op'][];

const decodeStep: Decode<HostStep> = (value, path) => {
  // Steps nest through their path, whose length bounds the recursion.
  if (path.split('.steps').length > MAX_DEPTH) return fail(path, `is nested deeper than ${MAX_DEPTH}`);
  const op = typeof value === 'object' && value !== null && 'op' in value ? value.op : undefined;
  const found = Object.entries(STEP_KEYS).find(([name]) => name === op);
  if (found === undefined) return fail(`${path}.op`, `is none of ${STEP_NAMES.join(', ')}`);
  return found[1](value, path);
};

const decodeSteps: Decode<readonly HostStep[]> = (value, path) => list(decodeStep)(value, path);

/** The JSON form of a host program; E3511 names the path of what is wrong. */
export const hostProgram: Decode<HostProgram> = record<HostProgram>({
  tensors: list(tensorPlace),
  steps: decodeSteps,
});

/** All tensors of a program, those of its cases too. */
export function hostTensorsOf({ tensors, steps }: HostProgram): TensorPlace[] {
  const cases = steps.flatMap((step) => (step.op === 'pick' ? step.cases : []));
  return [...tensors, ...cases.flatMap((c) => c.tensors)];
}

/** All steps, those inside loops and cases too, in program order. */
export function* stepsOf(steps: readonly HostStep[]): Generator<HostStep> {
  for (const step of steps) {
    yield step;
    if (step.op === 'while') for (const round of step.rounds) yield* stepsOf(round.steps);
    if (step.op === 'pick') for (const one of step.cases) yield* stepsOf(one.steps);
  }
}

function printSteps(steps: readonly HostStep[], indent: string): string[] {
  const inner = `${indent}  `;
  return steps.flatMap((step) => {
    switch (step.op) {
      case 'put':
        return [`${indent}put ${step.tensor}${step.from === undefined ? '' : ` from ${step.from}`}`];
      case 'get':
        return [`${indent}get ${step.tensor}`];
      case 'execute':
        return [`${indent}execute ${[step.executable, ...(step.stages ?? [])].join(', ')}`];
      case 'call':
        return [`${indent}call ${step.operator}`];
      case 'while':
        return [
          ...step.rounds.flatMap(({ times, steps: body }, i) => [
            `${indent}${i === 0 ? `while ${step.flag} == 0` : '} then'} max ${times} {`,
            ...printSteps(body, inner),
          ]),
          `${indent}}`,
        ];
      case 'pick':
        return [
          `${indent}pick by ${step.by.map((d) => `${d.input}[${d.axis}]`).join(', ')} {`,
          ...step.cases.flatMap((c) => [
            `${inner}${c.bucket} {`,
            ...printSteps(c.steps, `${inner}  `),
            `${inner}}`,
          ]),
          `${indent}}`,
        ];
    }
    return step satisfies never;
  });
}

/** The program as text, one step a line, as `dump --host` shows it. */
export function printHostProgram(program: HostProgram): string {
  return `${printSteps(program.steps, '').join('\n')}\n`;
}
