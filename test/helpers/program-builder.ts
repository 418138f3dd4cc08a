// Small programs for tests of the simulator, written in assembly text.
import { ENGINES, type EngineName } from '../../src/chip/target.js';
import { assemble, assembleDescriptors } from '../../src/isa/assemble.js';
import { encode } from '../../src/isa/codec.js';
import type { Code, Executable, Pin, Program, Variable } from '../../src/isa/program.js';

/** Assembly of each engine; engines left out have no work. */
export type CodeText = Partial<Record<EngineName, string>>;

export interface ProgramText {
  readonly variables?: readonly (Pick<Variable, 'name' | 'kind' | 'bytes'> & {
    readonly constantOffset?: number;
  })[];
  readonly segments?: readonly CodeText[];
  readonly segmentDescriptors?: string;
  /** One executable named `main`, or several by name. */
  readonly main?: CodeText;
  readonly load?: CodeText;
  readonly descriptors?: string;
  readonly pins?: readonly Pin[];
  readonly executables?: Readonly<
    Record<string, Pick<ProgramText, 'main' | 'load' | 'descriptors' | 'pins'>>
  >;
}

export function code(text: CodeText = {}): Code {
  return Object.fromEntries(ENGINES.map((e) => [e, encode(assemble(text[e] ?? ''))])) as unknown as Code;
}

export function buildProgram(text: ProgramText): Program {
  const executables = Object.entries(text.executables ?? { main: text });
  return {
    variables: text.variables ?? [],
    segments: (text.segments ?? []).map((s, i) => ({ name: `s${i}`, code: code(s) })),
    segmentDescriptors: assembleDescriptors(text.segmentDescriptors ?? ''),
    executables: executables.map(
      ([name, e]): Executable => ({
        name,
        kind: 'graph',
        load: code(e.load),
        main: code(e.main),
        descriptors: assembleDescriptors(e.descriptors ?? ''),
        pins: e.pins ?? [],
      }),
    ),
  };
}
