// Constants, names and origins. Invariants: contents of constants.bin lie at multiples of CONSTANT_ALIGNMENT, do not overlap, have
// the hash the index says, equal ones once, zeros between them; constant variables lie inside; names are unique and exist;
// declared variables have the kinds their use needs; origins count every instruction of the streams they describe.
import { createHash } from 'node:crypto';
import { DTYPES, elementBytes } from '../../base/dtype.js';
import type { VariableKind } from '../../isa/program.js';
import { CONSTANT_ALIGNMENT, type ConstantEntry } from '../constants.js';
import { type Artifact, coreCountOf } from '../model.js';
import type { DecodedProgram } from './code.js';
import type { Report } from './finding.js';

export function checkConstants({ constants: { index, bytes }, program }: Artifact, report: Report): void {
  const contents = new Map<number, ConstantEntry>();
  const bySha = new Map<string, number>();
  for (const entry of index) {
    const { name, offset, sha256, dtype, shape } = entry;
    const elements = shape.reduce((n, dim) => n * dim, 1);
    if (DTYPES[dtype].bits === 0 || elements * elementBytes(dtype) !== entry.bytes)
      report(
        'E3558',
        `constant ${name} has ${entry.bytes} bytes, its type ${dtype} and shape ${shape.join('x')} others`,
      );
    if (offset % CONSTANT_ALIGNMENT !== 0) report('E3558', `constant ${name} lies at byte ${offset}`);
    if (offset + entry.bytes > bytes.length) report('E3558', `constant ${name} lies outside constants.bin`);
    const known = contents.get(offset);
    if (known !== undefined && known.sha256 !== sha256 && known.bytes > 0 && entry.bytes > 0)
      report('E3558', `constants ${known.name} and ${name} differ and lie at one place`);
    if ((bySha.get(sha256) ?? offset) !== offset)
      report('E3558', `the content of constant ${name} is stored twice`);
    bySha.set(sha256, offset);
    if (known === undefined || known.bytes === 0) contents.set(offset, entry);
  }
  checkBytes([...contents.values()], bytes, report);
  for (const { name, kind, bytes: size, constantOffset } of program.variables) {
    const inside = constantOffset !== undefined && constantOffset + size <= bytes.length;
    if (kind === 'constant' ? !inside : constantOffset !== undefined)
      report('E3558', `variable ${name} of kind ${kind} has constant bytes ${constantOffset}+${size}`);
  }
}

function checkBytes(contents: readonly ConstantEntry[], bytes: Uint8Array, report: Report): void {
  let end = 0;
  for (const { name, offset, bytes: size, sha256 } of [...contents].sort((a, b) => a.offset - b.offset)) {
    if (offset < end) report('E3558', `constant ${name} overlaps the one before it`);
    if (bytes.subarray(end, offset).some((b) => b !== 0))
      report('E3558', `the padding before constant ${name} is not zero`);
    const content = bytes.subarray(offset, offset + size);
    if (createHash('sha256').update(content).digest('hex') !== sha256)
      report('E3558', `the content of constant ${name} is not the one that its hash names`);
    end = Math.max(end, offset + size);
  }
  if (end !== bytes.length)
    report('E3558', `constants.bin has ${bytes.length} bytes, its index ends at ${end}`);
}

function checkUnique(what: string, names: readonly string[], report: Report): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) report('E3560', `two ${what} are called ${name}`);
    seen.add(name);
  }
}

/** Kinds of variables that each list of an executable's declaration may name. */
const DECLARED_KINDS = {
  reads: ['input'],
  writes: ['output'],
  flags: ['output', 'state'],
} as const satisfies Readonly<Record<string, readonly VariableKind[]>>;

export function checkNames({ manifest, program, executables, header }: Artifact, report: Report): void {
  const names = program.executables.map((e) => e.name);
  checkUnique('executables', names, report);
  checkUnique(
    'models',
    manifest.models.map((m) => m.name),
    report,
  );
  for (const { name, inputs, outputs, executables: used, buckets } of manifest.models) {
    for (const ports of [inputs, outputs, ...buckets.flatMap((b) => [b.inputs, b.outputs])])
      checkUnique(
        `inputs or outputs of model ${name}`,
        ports.map((p) => p.name),
        report,
      );
    for (const executable of used)
      if (!names.includes(executable))
        report('E3560', `model ${name} uses executable ${executable}, which does not exist`);
  }
  for (const [i, info] of executables.entries()) {
    const need = (variable: number, kinds: readonly VariableKind[], what: string): void => {
      const kind = program.variables[variable]?.kind;
      if (kind === undefined || !kinds.includes(kind))
        report(
          'E3560',
          `executable ${names[i]} declares variable ${variable} as ${what}, its kind is ${kind ?? 'unknown'}`,
        );
    };
    for (const list of ['reads', 'writes', 'flags'] as const)
      for (const v of info[list]) need(v, DECLARED_KINDS[list], list);
    for (const { variable, entry, exit } of info.states) {
      need(variable, ['state'], 'state');
      const bytes = program.variables[variable]?.bytes ?? 0;
      if ([...entry, ...exit].some(([, to]) => to > bytes))
        report('E3560', `executable ${names[i]} declares bytes beyond the ${bytes} of state ${variable}`);
    }
  }
  const cores = coreCountOf(executables);
  if (header.coreCount !== cores)
    report('E3560', `the header says ${header.coreCount} cores, the executables use ${cores}`);
}

export function checkDebug({ debug }: Artifact, code: DecodedProgram, report: Report): void {
  for (const { fragment, index, engine, runs } of debug.streams) {
    const found = code.fragments.find((f) => f.kind === fragment && f.index === index && f.engine === engine);
    const name = found?.name ?? `${fragment} ${index}, ${engine}`;
    const counted = runs.reduce((n, length, i) => (i % 2 === 0 ? n + length : n), 0);
    if (found === undefined || runs.length % 2 !== 0 || counted !== found.instructions.length)
      report(
        'E3559',
        `origins count ${counted} instructions of ${name}, which has ${found?.instructions.length ?? 'none'}`,
      );
    if (runs.some((origin, i) => i % 2 === 1 && origin >= debug.origins.length))
      report('E3559', `${name} names an origin that does not exist`);
  }
}
