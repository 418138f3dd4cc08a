// The debug map of an artifact: which source node each instruction comes from.
import { type DebugInfo, type DebugStream, type Origin, runsOf } from '../artifact/debug.js';
import type { CompiledProgram } from '../backend/compile.js';
import { ENGINES } from '../chip/target.js';
import type { Node } from '../ir/graph.js';

/** @param programs with their executables in the order of the artifact's */
export function debugInfo(programs: readonly CompiledProgram[]): DebugInfo {
  const origins: Origin[] = [];
  const streams: DebugStream[] = [];
  let index = 0;
  for (const program of programs) {
    const first = origins.length;
    origins.push(...program.origins.map(originOf));
    for (const compiled of program.executables) {
      for (const fragment of ['load', 'main'] as const) {
        for (const engine of ENGINES) {
          const list = compiled[fragment].origins[engine];
          if (list.length > 0)
            streams.push({ fragment, index, engine, runs: runsOf(list.map((origin) => first + origin)) });
        }
      }
      index++;
    }
  }
  return { origins, streams };
}

function originOf({ origins, op }: Node): Origin {
  const [first] = origins;
  return {
    node: origins.map((o) => o.node).join(' + ') || op,
    op: first?.op ?? op,
    ...(first?.file !== undefined && { file: first.file }),
    ...(first?.line !== undefined && { line: first.line }),
  };
}
