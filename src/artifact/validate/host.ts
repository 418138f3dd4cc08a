// Host programs, walked as they would run. Invariants: every name exists; what moves has the bytes of its variable; a value is
// used only after something gave it; an execution finds its inputs put and its state valid at entry as its def.json declares;
// a flag is one int32 word that every round of its loop may set; at the end every output has a value. A loop counts as having
// run as few rounds as it may. `pick` is the last step of its program, one case for each bucket.
import { DTYPES, elementBytes } from '../../base/dtype.js';
import type { HostProgram, HostStep } from '../host-program.js';
import { hostTensorsOf, stepsOf } from '../host-program.js';
import type { Artifact, ByteRange, ExecutableInfo } from '../model.js';
import type { Bucket, ModelSignature, TensorPlace } from '../signature.js';
import type { Report } from './finding.js';
import { holds, withRange } from './ranges.js';

type Parts = Pick<Artifact, 'manifest' | 'host' | 'program' | 'executables' | 'constants'>;
type Step<O extends HostStep['op']> = Extract<HostStep, { readonly op: O }>;

/** What is known at a point of the program. */
interface Known {
  /** Host values. */
  readonly values: Set<string>;
  /** Input variables put, output variables written. */
  readonly filled: Set<number>;
  readonly states: Map<number, readonly ByteRange[]>;
  readonly flags: Set<number>;
}

/** Reports what is wrong with the host program of each model. */
export function checkHost(artifact: Parts, report: Report): void {
  for (const model of artifact.manifest.models) {
    const program = artifact.host[model.program];
    if (program === undefined)
      report('E3520', `model ${model.name} has host program ${model.program}, which does not exist`);
    else new Walk(artifact, model, program, report).check();
  }
  const used = new Set(artifact.manifest.models.map((m) => m.program));
  for (const name of Object.keys(artifact.host)) {
    if (!used.has(name)) report('E3520', `host program ${name} belongs to no model`);
  }
}

class Walk {
  private readonly artifact: Parts;
  private readonly model: ModelSignature;
  private readonly program: HostProgram;
  private readonly report: Report;
  private bucket: Bucket | undefined;
  /** Tensors of the case at hand. */
  private ofCase: readonly TensorPlace[] = [];

  constructor(artifact: Parts, model: ModelSignature, program: HostProgram, report: Report) {
    this.artifact = artifact;
    this.model = model;
    this.program = program;
    this.report = (code, message) => report(code, `host program ${model.program}: ${message}`);
  }

  check(): void {
    const values = new Set(this.model.inputs.map((p) => p.name));
    const known: Known = { values, filled: new Set(), states: new Map(), flags: new Set() };
    this.steps(this.program.steps, known, true);
    if (this.program.steps.at(-1)?.op !== 'pick') this.atEnd(this.model.outputs, known);
    for (const place of hostTensorsOf(this.program)) this.checkSize(place);
  }

  private steps(steps: readonly HostStep[], known: Known, top: boolean): void {
    for (const [i, step] of steps.entries()) {
      if (step.op === 'put') this.put(step, known);
      else if (step.op === 'get') this.get(step, known);
      else if (step.op === 'execute')
        for (const name of [step.executable, ...(step.stages ?? [])]) this.execute(name, known);
      else if (step.op === 'while') this.loop(step, known);
      else if (step.op === 'call') this.call(step.operator, known);
      else this.pick(step, known, top && i === steps.length - 1);
    }
  }

  private place(
    name: string,
    side: 'inputs' | 'outputs',
  ): (TensorPlace & { readonly variable: number }) | undefined {
    const ports = (this.bucket ?? this.model)[side];
    const found = [...ports, ...this.ofCase, ...this.program.tensors].find((t) => t.name === name);
    if (found?.variable === undefined) {
      this.report('E3520', `${name} is no tensor on the device`);
      return undefined;
    }
    this.checkSize(found);
    return { ...found, variable: found.variable };
  }

  private kindOf(variable: number): string | undefined {
    return this.artifact.program.variables[variable]?.kind;
  }

  /** A tensor has the bytes of its variable. */
  private checkSize({ name, shape, dtype, storage = dtype, variable }: TensorPlace): void {
    if (variable === undefined) return;
    const bytes = this.artifact.program.variables[variable]?.bytes;
    const elements = shape.reduce<number>((n, dim) => n * (typeof dim === 'number' ? dim : Number.NaN), 1);
    if (DTYPES[storage].bits === 0 || elements * elementBytes(storage) !== bytes)
      this.report(
        'E3523',
        `${name} is ${storage} ${shape.join('x')}; variable ${variable} has ${bytes ?? 'no'} bytes`,
      );
  }

  private need(name: string, known: Known): void {
    if (!known.values.has(name)) this.report('E3521', `${name} is used before it has a value`);
  }

  private put({ tensor, from = tensor }: Step<'put'>, known: Known): void {
    this.need(from, known);
    const place = this.place(tensor, 'inputs');
    if (place === undefined) return;
    const kind = this.kindOf(place.variable);
    if (kind !== 'input' && kind !== 'state')
      this.report('E3521', `put ${tensor}: variable ${place.variable} is of kind ${kind}`);
    if (kind === 'state')
      this.addState(place.variable, [0, this.artifact.program.variables[place.variable]?.bytes ?? 0], known);
    known.filled.add(place.variable);
  }

  private get({ tensor }: Step<'get'>, known: Known): void {
    const place = this.place(tensor, 'outputs');
    known.values.add(tensor);
    if (place === undefined) return;
    const { kind, bytes = 0 } = this.artifact.program.variables[place.variable] ?? {};
    if (kind !== 'output' && kind !== 'state')
      this.report('E3521', `get ${tensor}: variable ${place.variable} is of kind ${kind}`);
    const valid =
      kind === 'state'
        ? holds(known.states.get(place.variable) ?? [], [0, bytes])
        : known.filled.has(place.variable);
    if (!valid) this.report('E3521', `get ${tensor}: nothing has written all of it`);
  }

  private info(name: string): ExecutableInfo | undefined {
    const { program, executables } = this.artifact;
    const info = executables[program.executables.findIndex((e) => e.name === name)];
    if (info === undefined) this.report('E3520', `there is no executable ${name}`);
    else if (!this.model.executables.includes(name))
      this.report('E3520', `executable ${name} is none of model ${this.model.name}`);
    return info;
  }

  private execute(name: string, known: Known): void {
    const info = this.info(name);
    if (info === undefined) return;
    const nameOf = (v: number): string => this.artifact.program.variables[v]?.name ?? `variable ${v}`;
    for (const v of info.reads) {
      if (!known.filled.has(v)) this.report('E3521', `execute ${name}: its input ${nameOf(v)} was not put`);
    }
    for (const { variable, entry } of info.states) {
      for (const range of entry) {
        if (!holds(known.states.get(variable) ?? [], range))
          this.report(
            'E3521',
            `execute ${name}: bytes ${range[0]}..${range[1] - 1} of state ${nameOf(variable)} are not valid`,
          );
      }
    }
    for (const { variable, exit } of info.states)
      for (const range of exit) this.addState(variable, range, known);
    for (const v of info.writes) known.filled.add(v);
    for (const v of info.flags) known.flags.add(v);
  }

  private addState(variable: number, range: ByteRange, known: Known): void {
    known.states.set(variable, withRange(known.states.get(variable) ?? [], range));
  }

  private loop({ flag, rounds }: Step<'while'>, known: Known): void {
    const place = this.place(flag, 'outputs');
    const { bytes } = this.artifact.program.variables[place?.variable ?? -1] ?? {};
    if (place !== undefined && ((place.storage ?? place.dtype) !== 'i32' || bytes !== 4))
      this.report('E3522', `flag ${flag} is not one int32 word`);
    if (!rounds.some((r) => r.times > 0)) this.report('E3522', `the loop on ${flag} has no rounds`);
    for (const [i, { steps }] of rounds.entries()) {
      const names = [...stepsOf(steps)].flatMap((s) =>
        s.op === 'execute' ? [s.executable, ...(s.stages ?? [])] : [],
      );
      const sets = names.some((name) => this.info(name)?.flags.includes(place?.variable ?? -1));
      if (!sets) this.report('E3522', `no executable of round ${i} of the loop declares the flag ${flag}`);
    }
    // Rounds only add, so one pass over each finds all that is wrong; what is known after is known after the fewest rounds.
    const mayEnd = place !== undefined && known.flags.has(place.variable);
    let inside = copyOf(known);
    for (const [i, { steps }] of rounds.entries()) {
      inside = copyOf(inside);
      this.steps(steps, inside, false);
      if (i === 0 && !mayEnd) keep(known, inside);
    }
  }

  private call(index: number, known: Known): void {
    const operator = this.artifact.manifest.hostOperators[index];
    if (operator === undefined) {
      this.report('E3520', `there is no host operator ${index}`);
      return;
    }
    for (const input of operator.inputs) {
      if ('value' in input) this.need(input.value, known);
      else if (this.artifact.constants.index[input.constant] === undefined)
        this.report('E3520', `${operator.op} takes constant ${input.constant}, which does not exist`);
    }
    for (const name of operator.outputs) known.values.add(name);
  }

  private pick({ by, cases }: Step<'pick'>, known: Known, last: boolean): void {
    const { buckets, inputs } = this.model;
    if (!last) this.report('E3521', 'pick is not the last step');
    for (const { input, axis } of by) {
      const port = inputs.find((p) => p.name === input);
      if (port === undefined || axis >= port.shape.length)
        this.report('E3520', `there is no axis ${axis} of an input ${input}`);
    }
    const names = buckets.map((b) => b.name).join(', ');
    if (cases.map((c) => c.bucket).join(', ') !== names)
      this.report('E3520', `the cases are not the buckets ${names}`);
    for (const one of cases) {
      this.bucket = buckets.find((b) => b.name === one.bucket);
      this.ofCase = one.tensors;
      const inside = copyOf(known);
      this.steps(one.steps, inside, false);
      this.atEnd(this.bucket?.outputs ?? [], inside);
    }
    this.bucket = undefined;
    this.ofCase = [];
  }

  private atEnd(outputs: ModelSignature['outputs'], known: Known): void {
    for (const { name, shape, crop = [] } of outputs) {
      if (!known.values.has(name)) this.report('E3521', `output ${name} has no value at the end`);
      for (const { axis, by } of crop) {
        if (axis >= shape.length) this.report('E3520', `output ${name} has no axis ${axis}`);
        if (!known.values.has(by)) this.report('E3521', `output ${name} ends at ${by}, which has no value`);
      }
    }
  }
}

function copyOf({ values, filled, states, flags }: Known): Known {
  return { values: new Set(values), filled: new Set(filled), states: new Map(states), flags: new Set(flags) };
}

/** Takes over what is known after steps that always run. */
function keep(known: Known, after: Known): void {
  for (const name of after.values) known.values.add(name);
  for (const v of after.filled) known.filled.add(v);
  for (const v of after.flags) known.flags.add(v);
  for (const [v, ranges] of after.states) known.states.set(v, ranges);
}
