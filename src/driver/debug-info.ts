// The debug map of an artifact: which source node each instruction comes from.
import type { DebugInfo, DebugStream, Origin } from '../artifact/debug.js';
import type { CompiledExecutable } from '../backend/compile.js';
import { ENGINES } from '../chip/target.js';

export function debugInfo(compiled: CompiledExecutable): DebugInfo {
  const origins: Origin[] = [];
  const indexOf = compiled.origins.map((node) => {
    const [first] = node.origins;
    origins.push({
      node: node.origins.map((o) => o.node).join(' + ') || node.op,
      op: first?.op ?? node.op,
      ...(first?.file !== undefined && { file: first.file }),
      ...(first?.line !== undefined && { line: first.line }),
    });
    return origins.length - 1;
  });
  const streams: DebugStream[] = [];
  for (const fragment of ['load', 'main'] as const) {
    for (const engine of ENGINES) {
      const list = compiled[fragment].origins[engine];
      if (list.length === 0) continue;
      const runs: number[] = [];
      for (const origin of list) {
        const index = indexOf[origin] ?? 0;
        if (runs.at(-1) === index) runs[runs.length - 2] = (runs[runs.length - 2] ?? 0) + 1;
        else runs.push(1, index);
      }
      streams.push({ fragment, index: 0, engine, runs });
    }
  }
  return { origins, streams };
}
