// What each stage of a compilation made, as text: `--dump-after STAGE`. Frontend and passes give graphs; the backend's stages give the
// program over buffers, then the same with times, addresses and semaphores.
import type { Stage } from '../backend/compile.js';
import type { EmittedFragment } from '../backend/emit/emit.js';
import type { BufferDescriptor, Step } from '../backend/lower/buffer.js';
import type { Plan } from '../backend/lower/context.js';
import type { LoweredProgram } from '../backend/lower/lower.js';
import type { PlacedSection } from '../backend/place.js';
import type { Streams } from '../backend/sync/sync.js';
import { ENGINES, TICKS_PER_NS } from '../chip/target.js';
import type { Graph } from '../ir/graph.js';
import { printGraph } from '../ir/print.js';
import { formatType } from '../ir/type.js';
import { disassemble, disassembleDescriptor } from '../isa/disassemble.js';
import type { Instruction } from '../isa/table.js';
import { constantBytes } from '../ops/evaluate.js';

interface StageData extends Record<Stage, unknown> {
  readonly import: Graph;
  readonly passes: Graph;
  readonly plan: Plan;
  readonly lower: LoweredProgram;
  readonly schedule: PlacedSection;
  readonly allocate: PlacedSection;
  readonly sync: Streams;
  readonly emit: EmittedFragment;
}
export type DumpedStage = keyof StageData;

function* graphText(graph: Graph): Generator<string> {
  yield printGraph(graph, constantBytes);
}

/** Buffers that a step's operands name, for readers of the text: `dst=b12`. */
function buffersText({ instruction, descriptors = [] }: Step): string {
  const named = Object.entries(instruction).flatMap(([field, value]) =>
    typeof value === 'object' && value !== null && 'buffer' in value
      ? [`${field}=b${(value.buffer as { id: number }).id}`]
      : [],
  );
  const moved = descriptors.map((d: BufferDescriptor) => `b${d.src.buffer.id}->b${d.dst.buffer.id}`);
  return [...named, ...new Set(moved)].join(' ');
}

function* stepLines(step: Step, head: string): Generator<string> {
  yield `${head} ${step.engine.padEnd(4)} ${disassemble(step.instruction)}  ; ${buffersText(step)}\n`;
  for (const d of step.descriptors ?? [])
    yield `${' '.repeat(head.length)}      ${disassembleDescriptor(d)}\n`;
}

function* streamLines(code: Readonly<Record<string, readonly Instruction[]>>): Generator<string> {
  for (const engine of ENGINES) {
    if ((code[engine]?.length ?? 0) === 0) continue;
    yield `; ${engine}\n`;
    for (const [i, instruction] of (code[engine] ?? []).entries())
      yield `${String(i).padStart(6)}  ${disassemble(instruction)}\n`;
  }
}

const TEXT: { readonly [S in DumpedStage]: (data: StageData[S]) => Iterable<string> } = {
  import: graphText,
  passes: graphText,
  *plan({ wanted, mayBeNonFinite }) {
    yield '; axes wanted on partitions\n';
    for (const [value, axes] of wanted)
      yield `${value.name || `value ${value.id}`} ${formatType(value.type)}: ${axes.join(', ')}\n`;
    yield '; values that may not be finite, which never cross PE\n';
    for (const value of mayBeNonFinite)
      yield `${value.name || `value ${value.id}`} ${formatType(value.type)}\n`;
  },
  *lower({ buffers, sections }) {
    for (const b of buffers)
      yield `b${b.id} ${b.space}[${b.start}:${b.start + b.parts}] ${b.bytes} bytes ${b.name}${b.weight ? ' weight' : ''}\n`;
    for (const section of sections) {
      yield `; section ${section.name}, ${section.times} times\n`;
      for (const [i, step] of section.steps.entries()) yield* stepLines(step, String(i).padStart(6));
    }
  },
  *schedule({ schedule, ordered }) {
    for (const [i, { step, queue, before }] of ordered.entries()) {
      const at = `${(Number(schedule.starts[i] ?? 0) / TICKS_PER_NS).toFixed(0)} ns`.padStart(12);
      yield* stepLines(step, `${String(i).padStart(6)} ${at}${queue < 0 ? '' : ` queue ${queue}`}`);
      if (before.length > 0) yield `              after ${before.join(', ')}\n`;
    }
  },
  *allocate({ memory, ordered }) {
    yield `; SBUF up to byte ${memory.sbufBytes} of each partition, ${memory.scratchBytes} bytes of scratch in DRAM\n`;
    const seen = new Set<number>();
    for (const { step } of ordered) {
      for (const value of Object.values(step.instruction)) {
        if (typeof value !== 'object' || value === null || !('buffer' in value)) continue;
        const b = value.buffer as BufferDescriptor['src']['buffer'];
        if (b.space !== 'sbuf' || seen.has(b.id)) continue;
        seen.add(b.id);
        yield `b${b.id} sbuf[${b.start}:${b.start + b.parts}]+0x${memory.offset(b).toString(16)} ${b.bytes} bytes ${b.name}\n`;
      }
    }
  },
  sync: ({ code }) => streamLines(code),
  emit: ({ instructions }) => streamLines(instructions),
};

export const DUMPED_STAGES = Object.keys(TEXT) as readonly DumpedStage[];

/** The text of what a stage gave; undefined for stages that have none. */
export function stageText(stage: string, data: unknown): Iterable<string> | undefined {
  const print = (TEXT as Readonly<Record<string, (data: never) => Iterable<string>>>)[stage];
  return print === undefined || data === undefined ? undefined : print(data as never);
}
