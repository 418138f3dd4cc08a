// A request's timeline in the Chrome trace format, which Perfetto and chrome://tracing open: the host's lane, then for each core a lane
// an engine and a queue. Slices carry their instruction and source node. Written in pieces: traces are large.
import { ENGINES, TICKS_PER_NS } from '../../chip/target.js';
import { disassemble } from '../../isa/disassemble.js';
import type { RequestResult } from '../../runtime/request.js';
import { QUEUE_LANE, SLICE_KINDS, type Trace } from '../../sim/engine/trace.js';
import type { TracedCode } from './traced-code.js';

const HOST = 0;
const us = (ticks: number): number => ticks / (TICKS_PER_NS * 1000);
const laneName = (lane: number): string =>
  lane < QUEUE_LANE ? (ENGINES[lane] ?? '').toUpperCase() : `queue ${lane - QUEUE_LANE}`;

/** Pieces of the JSON text. `code` is that of the model that ran. */
export function* chromeTrace(
  result: Pick<RequestResult, 'events' | 'runs'>,
  code: TracedCode,
): Generator<string> {
  yield '{"displayTimeUnit":"ns","traceEvents":[\n';
  yield JSON.stringify({ ph: 'M', name: 'process_name', pid: HOST, tid: 0, args: { name: 'host' } });
  const named = new Set<string>();
  let run = 0;
  for (const event of result.events) {
    const { kind, name, start, end, bytes, deviceStart } = event;
    yield `,\n${JSON.stringify({ ph: 'X', name: `${kind} ${name}`, cat: kind, pid: HOST, tid: 0, ts: us(start), dur: us(end - start), args: { bytes } })}`;
    if (kind !== 'execute') continue;
    const trace = result.runs[run++]?.result.trace;
    if (trace !== undefined) yield* slices(trace, deviceStart ?? start, code, named);
  }
  yield '\n]}\n';
}

function* slices(trace: Trace, offset: number, code: TracedCode, named: Set<string>): Generator<string> {
  const fragments = trace.fragments.map((f) => code.fragment(f));
  for (let i = 0; i < trace.length; i++) {
    const pid = trace.core[i]! + 1;
    const tid = trace.lane[i]!;
    if (!named.has(`${pid}`))
      yield `,\n${JSON.stringify({ ph: 'M', name: 'process_name', pid, tid: 0, args: { name: `core ${pid - 1}` } })}`;
    if (!named.has(`${pid} ${tid}`))
      yield `,\n${JSON.stringify({ ph: 'M', name: 'thread_name', pid, tid, args: { name: laneName(tid) } })}`;
    named.add(`${pid}`).add(`${pid} ${tid}`);
    const kind = SLICE_KINDS[trace.kind[i]!] ?? 'instruction';
    const fragment = fragments[trace.fragment[i]!];
    const instruction = fragment?.instructions[trace.index[i]!];
    const origin = code.origin(fragment?.origins[trace.index[i]!] ?? -1);
    const waits = kind !== 'instruction' && kind !== 'transfer';
    const detail =
      kind === 'transfer'
        ? { bytes: trace.detail[i] }
        : kind === 'semaphore'
          ? { semaphore: trace.detail[i] }
          : {};
    const args = {
      ...(origin && { node: origin.node }),
      ...(!waits && instruction && { text: disassemble(instruction) }),
      ...detail,
    };
    const name = waits ? `waits: ${kind}` : kind === 'transfer' ? 'transfer' : (instruction?.m ?? '');
    yield `,\n${JSON.stringify({ ph: 'X', name, cat: kind, pid, tid, ts: us(offset + trace.start[i]!), dur: us(trace.end[i]! - trace.start[i]!), args })}`;
  }
}
