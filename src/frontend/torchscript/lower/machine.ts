// What the parts of the interpreter share: the archive, the lowering, limits, noted problems, and each other. Evaluating an
// expression may call a function, whose statements evaluate expressions; the three are joined here, so that no file needs to
// import the one that imports it.
import { badInput, type Diagnostic, EXIT, NeffcError, type Place } from '../../../base/diagnostic.js';
import type { TorchArchive } from '../archive/read.js';
import type { ClassDef, Expr, FunctionDef, SourcePoint, Stmt } from '../code/ast.js';
import type { ClassLayout } from '../code/class-layout.js';
import type { SourceLibrary } from '../code/library.js';
import type { Frame } from './frame.js';
import type { Item, ObjectItem } from './items.js';
import type { LoopPolicy } from './loop-policy.js';
import type { Lowering, SourcePlace } from './lowering.js';
import type { ModuleTree } from './module-tree.js';

/** Bounds on the work that a program may ask for while it is interpreted; those on graphs stand in limits.ts. */
export const INTERPRETER_LIMITS = {
  /** Statements executed, loops unrolled. */
  statements: 500_000,
  /** Calls inside of calls. */
  depth: 240,
} as const;

/** How a block ended, where not by its last statement. */
export type Completion =
  | undefined
  | { readonly kind: 'return'; readonly item: Item }
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' };

/** The program raises: thrown up to the branch that may be avoided, else an error. */
export class Raised {
  readonly message: string;
  readonly place: SourcePlace;
  constructor(message: string, place: SourcePlace) {
    this.message = message;
    this.place = place;
  }
}

export interface Machine {
  readonly archive: TorchArchive;
  readonly library: SourceLibrary;
  readonly c: Lowering;
  readonly tree: ModuleTree;
  /** Unsupported uses noted so far; interpretation goes on to list them all. */
  readonly problems: Diagnostic[];
  loops: LoopPolicy | undefined;
  /** Frames of the calls open now, outermost first. */
  readonly frames: Frame[];
  statements: number;
  layoutOf(className: string, at: SourcePoint): ClassLayout;
  definition(name: string): ClassDef | FunctionDef | undefined;
  evaluate(frame: Frame, expr: Expr): Item;
  execute(frame: Frame, body: readonly Stmt[]): Completion;
  assign(frame: Frame, target: Expr, item: Item): void;
  call(def: FunctionDef, args: readonly Item[], keywords: ReadonlyMap<string, Item>, module: string): Item;
  method(self: ObjectItem, name: string, args: readonly Item[], at: SourcePoint): Item;
  /** An operator by its full name. */
  operator(name: string, args: readonly Item[], keywords: ReadonlyMap<string, Item>): Item;
}

export function placeOf(at: SourcePoint): Place {
  return { file: at.file, line: at.line };
}

/** E3376: the program uses something that it does not define, or not so. */
export function malformedProgram(what: string, at: SourcePoint): NeffcError {
  return badInput('E3376', what, placeOf(at));
}

/** Notes an unsupported use and goes on. A limit that is reached ends it, and so does anything else than exit 4. */
export function note(machine: Machine, error: unknown): void {
  if (!(error instanceof NeffcError) || error.exitCode !== EXIT.unsupported) throw error;
  if (error.diagnostics.some((d) => d.code === 'E4340')) throw error;
  for (const d of error.diagnostics) {
    const known = machine.problems.some(
      (p) =>
        p.code === d.code &&
        p.message === d.message &&
        p.where?.node === d.where?.node &&
        p.where?.line === d.where?.line,
    );
    if (!known) machine.problems.push(d);
  }
}
