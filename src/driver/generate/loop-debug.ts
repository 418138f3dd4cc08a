// The debug map of a decoding loop's artifact: source nodes of the segment's and the executables' instructions.

import type { DebugInfo, DebugStream, Origin } from '../../artifact/debug.js';
import { runsOf } from '../../artifact/debug.js';
import type { CompiledLoops } from '../../backend/decode/compile-loop.js';
import { ENGINES, type EngineName } from '../../chip/target.js';

export function loopDebugInfo({ loops, origins: nodes }: CompiledLoops): DebugInfo {
  const origins: Origin[] = nodes.map((node) => {
    const [first] = node.origins;
    return {
      node: node.origins.map((o) => o.node).join(' + ') || node.op,
      op: first?.op ?? node.op,
      ...(first?.file !== undefined && { file: first.file }),
      ...(first?.line !== undefined && { line: first.line }),
    };
  });
  const streams: DebugStream[] = [];
  const add = (
    fragment: DebugStream['fragment'],
    index: number,
    lists: Readonly<Record<EngineName, readonly number[]>>,
  ): void => {
    for (const engine of ENGINES) {
      if (lists[engine].length > 0) streams.push({ fragment, index, engine, runs: runsOf(lists[engine]) });
    }
  };
  for (const loop of loops) add('segment', loop.segment, loop.segmentOrigins);
  loops
    .flatMap((loop) => loop.executables)
    .forEach((e, i) => {
      add('load', i, e.loadOrigins);
      add('main', i, e.origins);
    });
  return { origins, streams };
}
