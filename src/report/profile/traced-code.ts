// From a slice of a trace back to its instruction and source node. A trace names fragments of the model's own program; the debug map
// names those of the artifact: this is where the two meet. Decodes each fragment once, when it is first asked for.
import { type Origin, originsOf } from '../../artifact/debug.js';
import type { Artifact } from '../../artifact/model.js';
import { decodeStream } from '../../isa/codec.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import type { Instruction } from '../../isa/table.js';
import { modelExecutables } from '../../runtime/model-program.js';
import type { Trace } from '../../sim/engine/trace.js';

export interface TracedFragment {
  readonly instructions: readonly Instruction[];
  /** Index into the artifact's origins, by instruction; -1 where none is recorded. */
  readonly origins: readonly number[];
  /** What its DMA triggers name. */
  readonly descriptors: readonly DmaDescriptor[];
}

export class TracedCode {
  readonly artifact: Artifact;
  private readonly indices: readonly number[];
  private readonly known = new Map<string, TracedFragment>();

  constructor(artifact: Artifact, model: string) {
    this.artifact = artifact;
    this.indices = modelExecutables(artifact, model);
  }

  fragment({ kind, index, engine }: Trace['fragments'][number]): TracedFragment {
    const key = `${kind} ${index} ${engine}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const { program, debug } = this.artifact;
    const own = kind === 'segment' ? index : (this.indices[index] ?? -1);
    const executable = kind === 'segment' ? undefined : program.executables[own];
    const code = kind === 'segment' ? program.segments[own]?.code : executable?.[kind];
    const stream = debug.streams.find((s) => s.fragment === kind && s.index === own && s.engine === engine);
    const made: TracedFragment = {
      instructions: decodeStream(code?.[engine] ?? new Uint8Array(0)),
      origins: stream === undefined ? [] : originsOf(stream.runs),
      descriptors: kind === 'segment' ? program.segmentDescriptors : (executable?.descriptors ?? []),
    };
    this.known.set(key, made);
    return made;
  }

  origin(index: number): Origin | undefined {
    return this.artifact.debug.origins[index];
  }
}
