// Views of what an artifact holds beside code: the graph's text, constants, device memory, the host program.

import { printHostProgram } from '../../artifact/host-program.js';
import type { JsonValue } from '../../artifact/json.js';
import { shapeText } from '../../base/tensor.js';
import { memoryTable, memoryText } from '../../runtime/memory.js';
import { alignTable, countText } from '../text.js';
import type { View } from './view.js';

export const GRAPH: View = {
  name: 'graph',
  doc: 'the graph after all passes, as text',
  json: ({ graphText }) => ({ graph: graphText ?? null }),
  *text({ graphText }) {
    yield graphText ?? 'the artifact holds no graph\n';
  },
};

export const MEMORY: View = {
  name: 'memory',
  doc: 'device memory by chip, core and model, in bytes',
  json: (artifact, options) => ({ ...memoryTable(artifact, options) }),
  *text(artifact, options) {
    yield `${memoryText(memoryTable(artifact, options))}\n`;
  },
};

/** The source tensors that a recipe names. */
function sourcesOf(recipe: JsonValue | undefined): string[] {
  if (typeof recipe !== 'object' || recipe === null) return [];
  if (Array.isArray(recipe)) return recipe.flatMap(sourcesOf);
  return Object.entries(recipe).flatMap(([key, value]) =>
    key === 'source' && typeof value === 'string' ? [value] : sourcesOf(value),
  );
}

export const CONSTANTS: View = {
  name: 'constants',
  doc: 'constants by content, with what they were made from',
  json: ({ constants }) => ({ tensors: constants.index, bytes: constants.bytes.length }),
  *text({ constants }) {
    const rows = [
      ['offset', 'bytes', 'type', 'sha256', 'name'],
      ...constants.index.map((c) => {
        const sources = sourcesOf(c.recipe).filter((name) => name !== c.name);
        return [
          countText(c.offset),
          countText(c.bytes),
          `${c.dtype} ${shapeText(c.shape)}`,
          c.sha256.slice(0, 12),
          `${c.name}${sources.length === 0 ? '' : ` from ${sources.join(', ')}`}`,
        ];
      }),
    ];
    for (const line of alignTable(rows)) yield `${line}\n`;
  },
};

export const HOST: View = {
  name: 'host',
  doc: 'the host program: what the host does for one request',
  json: ({ host, manifest }) => ({ programs: host, operators: manifest.hostOperators }),
  *text({ host, manifest }) {
    for (const [name, program] of Object.entries(host))
      yield `program ${name}\n${printHostProgram(program).replaceAll(/^(?=.)/gm, '  ')}`;
    for (const [i, o] of manifest.hostOperators.entries()) yield `operator ${i}: ${o.op} ${o.node}\n`;
  },
};
