// The summary: what the artifact is, what it holds, how large everything is.

import { featuresOf } from '../../artifact/features.js';
import { type Artifact, FORMAT_VERSION } from '../../artifact/model.js';
import { ENGINES } from '../../chip/target.js';
import { memoryTable } from '../../runtime/memory.js';
import { alignTable, countText, sizeText } from '../text.js';
import { fragmentsOf, linesOf } from './code-walk.js';
import type { View, ViewOptions } from './view.js';

function instructionCounts(artifact: Artifact): {
  name: string;
  kind: string;
  engines: Record<string, number>;
  load: number;
  descriptors: number;
  pinned: number;
}[] {
  return artifact.program.executables.map(({ name, kind, descriptors, pins }, index) => {
    const engines: Record<string, number> = Object.fromEntries(ENGINES.map((e) => [e, 0]));
    let load = 0;
    for (const fragment of fragmentsOf(artifact).filter((f) => f.kind !== 'segment' && f.index === index)) {
      const count = [...linesOf(artifact, fragment)].length;
      if (fragment.kind === 'load') load += count;
      else engines[fragment.engine] = count;
    }
    return {
      name,
      kind,
      engines,
      load,
      descriptors: descriptors.length,
      pinned: pins.reduce((n, p) => n + p.parts * p.bytes, 0),
    };
  });
}

function facts(artifact: Artifact, options: ViewOptions) {
  const { header, manifest, program, constants, debug } = artifact;
  return {
    name: header.name,
    uuid: header.uuid,
    hash: header.hash,
    format: `${FORMAT_VERSION.package}.${FORMAT_VERSION.major}.${header.minor}`,
    compiler: manifest.compiler,
    target: manifest.target.name,
    options: manifest.options,
    features: featuresOf(artifact),
    cores: header.coreCount,
    models: manifest.models.map((m) => ({
      name: m.name,
      precision: m.precision,
      inputs: m.inputs.length,
      outputs: m.outputs.length,
      buckets: m.buckets.length,
    })),
    executables: instructionCounts(artifact),
    segments: program.segments.length,
    constants: { tensors: constants.index.length, bytes: constants.bytes.length },
    origins: debug.origins.length,
    host_operators: manifest.hostOperators.map((o) => ({ op: o.op, node: o.node })),
    memory_bytes: memoryTable(artifact, options).total,
  };
}

export const SUMMARY: View = {
  name: 'summary',
  doc: 'what the artifact is and how large its parts are',
  json: (artifact, options) => facts(artifact, options),
  *text(artifact, options) {
    const f = facts(artifact, options);
    const rows = [
      ['name', f.name],
      ['target', f.target],
      ['compiler', f.compiler],
      ['options', JSON.stringify(f.options)],
      [
        'models',
        f.models
          .map((m) => `${m.name} (${m.inputs} inputs, ${m.outputs} outputs, ${m.precision})`)
          .join(', '),
      ],
      ['constants', `${f.constants.tensors} tensors, ${sizeText(f.constants.bytes)}`],
      ['segments', String(f.segments)],
      ['source nodes', String(f.origins)],
      ['features', f.features.join(', ') || 'none'],
      ['host operators', f.host_operators.map((o) => `${o.op} (${o.node})`).join(', ') || 'none'],
      ['device memory', sizeText(f.memory_bytes)],
      ['uuid', f.uuid],
      ['payload SHA-256', f.hash],
    ];
    const width = Math.max(...rows.map(([label = '']) => label.length));
    for (const [label = '', value = ''] of rows) yield `${label.padEnd(width)}  ${value}\n`;
    const table = [
      ['executable', 'kind', ...ENGINES.map((e) => e.toUpperCase()), 'load', 'descriptors', 'pinned'],
      ...f.executables.map((e) => [
        e.name,
        e.kind,
        ...ENGINES.map((n) => countText(e.engines[n] ?? 0)),
        countText(e.load),
        countText(e.descriptors),
        sizeText(e.pinned),
      ]),
    ];
    yield '\n';
    for (const line of alignTable(table)) yield `${line}\n`;
  },
};
