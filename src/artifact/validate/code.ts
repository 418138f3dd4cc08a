// Instructions and descriptors of an artifact. Invariants: every fragment decodes; every instruction and descriptor passes the
// rules of its target; triggers name descriptors that exist; CALL names a segment, nests at most MAX_CALL_DEPTH deep and never
// into itself; a segment's fragment ends with RET, which stands nowhere else but in segments; jumps stay inside their fragment.
import { NeffcError } from '../../base/diagnostic.js';
import { ENGINES, type EngineName, type Target } from '../../chip/target.js';
import { isBound } from '../../isa/bindings.js';
import { decodeStream } from '../../isa/codec.js';
import { disassemble } from '../../isa/disassemble.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import { type Code, MAX_CALL_DEPTH, type Program } from '../../isa/program.js';
import { checkDescriptor } from '../../isa/rules-descriptor.js';
import type { Instruction } from '../../isa/table.js';
import { checkInstruction } from '../../isa/validity.js';
import type { FragmentKind } from '../debug.js';
import type { Report } from './finding.js';

export interface Fragment {
  readonly kind: FragmentKind;
  /** Of the segment or executable. */
  readonly index: number;
  readonly engine: EngineName;
  /** `main of encoder, dve`, for messages. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
  /** The table that its DMA triggers name. */
  readonly descriptors: readonly DmaDescriptor[];
}

/** One engine's code of one phase of an executable, with the segments it calls. */
export interface Reach {
  readonly engine: EngineName;
  readonly fragments: readonly Fragment[];
}

export interface DecodedProgram {
  readonly fragments: readonly Fragment[];
  /** What each engine may run in a phase of an executable. */
  reach(phase: 'load' | 'main', executable: number): readonly Reach[];
}

function decode(bytes: Uint8Array, name: string, report: Report): Instruction[] {
  try {
    return decodeStream(bytes);
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
    report('E3550', `${name} does not decode: ${error.diagnostics[0]?.message}`, error.diagnostics[0]?.where);
    return [];
  }
}

/** Decodes a program and reports what is wrong with its code. */
export function checkCode(program: Program, target: Target, report: Report): DecodedProgram {
  const fragments: Fragment[] = [];
  const byKey = new Map<string, Fragment>();
  const add = (
    kind: FragmentKind,
    index: number,
    owner: string,
    code: Code,
    descriptors: readonly DmaDescriptor[],
  ): void => {
    for (const engine of ENGINES) {
      const name = kind === 'segment' ? `segment ${owner}, ${engine}` : `${kind} of ${owner}, ${engine}`;
      const fragment = {
        kind,
        index,
        engine,
        name,
        descriptors,
        instructions: decode(code[engine], name, report),
      };
      fragments.push(fragment);
      byKey.set(`${kind} ${index} ${engine}`, fragment);
    }
  };
  for (const [i, s] of program.segments.entries())
    add('segment', i, s.name, s.code, program.segmentDescriptors);
  for (const [i, e] of program.executables.entries()) {
    add('load', i, e.name, e.load, e.descriptors);
    add('main', i, e.name, e.main, e.descriptors);
  }
  for (const fragment of fragments) checkFragment(fragment, program, target, report);
  checkTables(program, target, report);
  const segment = (index: number, engine: EngineName): Fragment | undefined =>
    byKey.get(`segment ${index} ${engine}`);
  const depths = new Map<Fragment, number>();
  for (const fragment of fragments) {
    if (callDepth(fragment, segment, depths) > MAX_CALL_DEPTH)
      report('E3557', `calls in ${fragment.name} nest more than ${MAX_CALL_DEPTH} deep`);
  }
  return {
    fragments,
    reach: (phase, executable) =>
      ENGINES.map((engine) => {
        const first = byKey.get(`${phase} ${executable} ${engine}`);
        return { engine, fragments: first === undefined ? [] : [...reached(first, segment)] };
      }),
  };
}

function checkFragment(fragment: Fragment, program: Program, target: Target, report: Report): void {
  const { kind, name, instructions, engine } = fragment;
  const last = instructions.length - 1;
  if (kind === 'segment' && last >= 0 && instructions[last]?.m !== 'RET')
    report('E3557', `${name} does not end with RET`);
  for (const [i, instr] of instructions.entries()) {
    const at = (): string => `${name} #${i} ${disassemble(instr)}`;
    for (const v of checkInstruction(instr, target, engine))
      report('E3551', `${at()}: ${v.message} (rule ${v.rule})`);
    const wrong = controlFault(instr, i, fragment, program);
    if (wrong !== undefined) report('E3557', `${at()}: ${wrong}`);
  }
}

function controlFault(
  instr: Instruction,
  at: number,
  fragment: Fragment,
  program: Program,
): string | undefined {
  const { instructions, descriptors, kind } = fragment;
  switch (instr.m) {
    case 'CALL':
      return instr.segment < program.segments.length
        ? undefined
        : `there are ${program.segments.length} segments`;
    case 'RET':
      return kind === 'segment' ? undefined : 'RET outside a segment';
    case 'LOOP':
      return instr.back <= at ? undefined : 'the loop leaves its fragment';
    case 'BRANCH':
      return at + 1 + instr.forward <= instructions.length ? undefined : 'the branch leaves its fragment';
    case 'DMA':
      if (isBound(instr, 'first') || isBound(instr, 'count')) return undefined;
      return instr.first + instr.count <= descriptors.length
        ? undefined
        : `there are ${descriptors.length} descriptors`;
    case 'REG_LOAD': {
      if (!instr.dram || isBound(instr, 'offset')) return undefined;
      const bytes = program.variables[instr.variable]?.bytes ?? 0;
      return instr.offset % 4 === 0 && instr.offset + 4 <= bytes
        ? undefined
        : 'the word is not in the variable';
    }
    default:
      return undefined;
  }
}

function checkTables(program: Program, target: Target, report: Report): void {
  const { variables, segmentDescriptors, executables } = program;
  const table = (name: string, descriptors: readonly DmaDescriptor[]): void => {
    for (const [i, d] of descriptors.entries()) {
      for (const v of checkDescriptor(d, target, variables)) {
        report('E3552', `descriptor ${i} of ${name}: ${v.message} (rule ${v.rule})`);
      }
    }
  };
  table('the segments', segmentDescriptors);
  for (const e of executables) table(e.name, e.descriptors);
}

type SegmentOf = (index: number, engine: EngineName) => Fragment | undefined;

function called(fragment: Fragment, segment: SegmentOf): Fragment[] {
  const indices = new Set(fragment.instructions.flatMap((i) => (i.m === 'CALL' ? [i.segment] : [])));
  return [...indices].flatMap((i) => segment(i, fragment.engine) ?? []);
}

/** Nesting of calls from a fragment; infinite where a segment calls itself. */
function callDepth(fragment: Fragment, segment: SegmentOf, known: Map<Fragment, number>): number {
  const before = known.get(fragment);
  if (before !== undefined) return before;
  // Seen from inside itself it nests without end.
  known.set(fragment, Number.POSITIVE_INFINITY);
  const depth = called(fragment, segment).reduce((d, s) => Math.max(d, 1 + callDepth(s, segment, known)), 0);
  known.set(fragment, depth);
  return depth;
}

function reached(first: Fragment, segment: SegmentOf): Set<Fragment> {
  const found = new Set([first]);
  for (const fragment of found) for (const next of called(fragment, segment)) found.add(next);
  return found;
}
