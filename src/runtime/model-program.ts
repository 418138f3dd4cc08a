// The part of an artifact that one model is: its executables and the variables they touch. Variables and segments keep their
// numbers, so that code needs no change.
import { hostTensorsOf } from '../artifact/host-program.js';
import type { ArtifactParts } from '../artifact/model.js';
import type { ModelSignature, TensorPlace } from '../artifact/signature.js';
import { usageError } from '../base/diagnostic.js';
import type { DmaDescriptor } from '../isa/operands.js';
import type { Program, Variable } from '../isa/program.js';

/** @throws E2520 where there is no such model; without a name, where there are several */
export function modelOf(artifact: ArtifactParts, name?: string): ModelSignature {
  const { models } = artifact.manifest;
  const found = name === undefined && models.length === 1 ? models[0] : models.find((m) => m.name === name);
  if (found !== undefined) return found;
  const names = models.map((m) => m.name).join(', ');
  throw name === undefined
    ? usageError('E2520', `the artifact holds several models: ${names}`, {}, 'name one with --model')
    : usageError('E2520', `the artifact has no model ${name}; it has ${names}`);
}

/** Indices of a model's executables, ascending. */
export function modelExecutables(artifact: ArtifactParts, name: string): number[] {
  const wanted = new Set(modelOf(artifact, name).executables);
  return artifact.program.executables.flatMap((e, i) => (wanted.has(e.name) ? [i] : []));
}

const programs = new WeakMap<ArtifactParts, Map<string, Program>>();

/** The program with the executables of one model only; the same object at every call. */
export function modelProgram(artifact: ArtifactParts, name: string): Program {
  const known = programs.get(artifact) ?? new Map<string, Program>();
  programs.set(artifact, known);
  let program = known.get(name);
  if (program === undefined) {
    const indices = modelExecutables(artifact, name);
    program = {
      ...artifact.program,
      executables: indices.flatMap((i) => artifact.program.executables[i] ?? []),
    };
    known.set(name, program);
  }
  return program;
}

/** All tensors of a model between host and device: ports, those of its buckets, those of its host program. */
export function tensorsOf(artifact: ArtifactParts, model: ModelSignature): TensorPlace[] {
  const { inputs, outputs, buckets, program } = model;
  const host = artifact.host[program];
  const own = host === undefined ? [] : hostTensorsOf(host);
  return [...inputs, ...outputs, ...buckets.flatMap((b) => [...b.inputs, ...b.outputs]), ...own];
}

/** The variables that a model's executables and its host program touch; those of shared segments are everyone's. */
export function variablesOf(artifact: ArtifactParts, model: ModelSignature): Set<Variable> {
  const { program, executables: infos } = artifact;
  const numbers = new Set(tensorsOf(artifact, model).flatMap((t) => t.variable ?? []));
  const add = ({ src, dst, indirect }: DmaDescriptor): void => {
    if (src.space === 'dram') numbers.add(src.variable);
    if (dst.space === 'dram') numbers.add(dst.variable);
    if (indirect?.space === 'dram') numbers.add(indirect.variable);
  };
  for (const d of program.segmentDescriptors) add(d);
  for (const [i, executable] of program.executables.entries()) {
    if (!model.executables.includes(executable.name)) continue;
    for (const d of executable.descriptors) add(d);
    const { reads = [], writes = [], flags = [], states = [] } = infos[i] ?? {};
    for (const v of [...reads, ...writes, ...flags, ...states.map((s) => s.variable)]) numbers.add(v);
  }
  return new Set([...numbers].sort((a, b) => a - b).flatMap((i) => program.variables[i] ?? []));
}
