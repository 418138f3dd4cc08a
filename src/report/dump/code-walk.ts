// The code of an artifact, fragment by fragment and instruction by instruction, each with its source node. Decodes lazily: a large
// artifact is never held decoded.

import type { Origin } from '../../artifact/debug.js';
import { type FragmentKind, originsOf } from '../../artifact/debug.js';
import type { Artifact } from '../../artifact/model.js';
import { usageError } from '../../base/diagnostic.js';
import { ENGINES, type EngineName } from '../../chip/target.js';
import { decodeStream } from '../../isa/codec.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import type { Instruction } from '../../isa/table.js';

/** The code of one engine in an executable's `load` or `main`, or in a segment. */
export interface CodeFragment {
  /** Name of the executable or segment. */
  readonly part: string;
  readonly kind: FragmentKind;
  /** Index of the executable or segment. */
  readonly index: number;
  readonly engine: EngineName;
  readonly bytes: Uint8Array;
}

export interface CodeLine {
  readonly index: number;
  readonly instruction: Instruction;
  readonly origin: Origin | undefined;
}

/** All fragments that have code: executables first, then segments; of one part where it is named (by name or number). */
export function fragmentsOf({ program }: Artifact, part?: string): CodeFragment[] {
  const all = [
    ...program.executables.flatMap(({ name, load, main }, index) =>
      (['load', 'main'] as const).flatMap((kind) =>
        ENGINES.map((engine) => ({
          part: name,
          kind,
          index,
          engine,
          bytes: (kind === 'load' ? load : main)[engine],
        })),
      ),
    ),
    ...program.segments.flatMap(({ name, code }, index) =>
      ENGINES.map((engine) => ({ part: name, kind: 'segment' as const, index, engine, bytes: code[engine] })),
    ),
  ];
  if (part === undefined) return all.filter((f) => f.bytes.length > 0);
  const names = [...new Set(all.map((f) => f.part))];
  const name = /^\d+$/.test(part) && !names.includes(part) ? names[Number(part)] : part;
  if (name === undefined || !names.includes(name)) {
    throw usageError(
      'E2525',
      `the artifact has no executable or segment ${part}`,
      undefined,
      `it has ${names.map((n, i) => `${i}: ${n}`).join(', ')}`,
    );
  }
  return all.filter((f) => f.part === name && f.bytes.length > 0);
}

export function* linesOf({ debug }: Artifact, fragment: CodeFragment): Generator<CodeLine> {
  const stream = debug.streams.find(
    (s) => s.fragment === fragment.kind && s.index === fragment.index && s.engine === fragment.engine,
  );
  const origins = stream === undefined ? [] : originsOf(stream.runs);
  for (const [index, instruction] of decodeStream(fragment.bytes).entries()) {
    yield { index, instruction, origin: debug.origins[origins[index] ?? -1] };
  }
}

/** The descriptors that a trigger in the fragment names. */
export function descriptorsOf(
  { program }: Artifact,
  { kind, index }: CodeFragment,
): readonly DmaDescriptor[] {
  return kind === 'segment' ? program.segmentDescriptors : (program.executables[index]?.descriptors ?? []);
}

/** Whether a line comes from the node asked for: its whole name, or one of the names that were fused. */
export function isFrom(origin: Origin | undefined, node: string | undefined): boolean {
  return (
    node === undefined ||
    (origin !== undefined && (origin.node === node || origin.node.split(' + ').includes(node)))
  );
}

export function originText({ node, op, file, line }: Origin): string {
  const place = [...(file === undefined ? [] : [file]), ...(line === undefined ? [] : [`line ${line}`])].join(
    ' ',
  );
  return `${op} ${node}${place === '' ? '' : ` (${place})`}`;
}
