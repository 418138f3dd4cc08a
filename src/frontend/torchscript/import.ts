// TorchScript archive -> graph. `forward` is interpreted once for the given input shapes (lower/), operators are lowered from
// the table (aten/); where an input's element type was assumed and its use says otherwise, it is interpreted again.
import {
  badInput,
  type Diagnostic,
  EXIT,
  NeffcError,
  unsupported,
  usageError,
} from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import type { Graph } from '../../ir/graph.js';
import type { TorchArchive } from './archive/read.js';
import type { FunctionDef } from './code/ast.js';
import { DecodeLoop } from './lower/data-loop.js';
import { bindInputs, type InputShape, type InputShapes } from './lower/inputs.js';
import { newMachine } from './lower/interpreter.js';
import type { Item, ObjectItem } from './lower/items.js';
import type { LoopPolicy } from './lower/loop-policy.js';
import { AssumedType, Lowering } from './lower/lowering.js';
import { type Machine, Raised } from './lower/machine.js';
import { flattenOutputs, type OutputStructure } from './lower/outputs.js';

export type { InputShape, InputShapes, OutputStructure };

export interface ImportOptions {
  /** Shown in diagnostics and origins. */
  readonly file: string;
  /** By name of a leaf (`image`, `state.0`) or by its position (`0`). */
  readonly inputShapes: InputShapes;
}

export interface ImportedModel {
  readonly graph: Graph;
  /** Leaves of the arguments, in order: the graph's parameters. */
  readonly inputNames: readonly string[];
  readonly outputStructure: OutputStructure;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * @throws E2021 where a shape is missing, E2022 and E2023 for shapes that fit no input, E4001 ff. with every unsupported
 * operator, E4320 for a loop that only --decode can compile, E3377 where the model raises for these shapes.
 */
export function importTorchScript(archive: TorchArchive, options: ImportOptions): ImportedModel {
  return interpreted(archive, options, undefined, (m, result, inputNames) => {
    const outputs = flattenOutputs(m.c, result);
    return {
      graph: m.c.builder.finish(outputs.values, outputs.names),
      inputNames,
      outputStructure: outputs.structure,
      diagnostics: m.c.diagnostics,
    };
  });
}

/** Interprets `forward` with a policy for decoding loops, and finishes what it gives; `onLoop` hears of one that stops it. */
export function interpreted<T>(
  archive: TorchArchive,
  options: ImportOptions,
  loops: ((m: Machine) => LoopPolicy) | undefined,
  finish: (m: Machine, result: Item, inputNames: readonly string[]) => T,
  onLoop?: (loop: DecodeLoop) => void,
): T {
  const assumed = new Map<string, DType>();
  for (;;) {
    try {
      return run(archive, options, assumed, loops, finish);
    } catch (error) {
      if (error instanceof AssumedType && !assumed.has(error.input)) assumed.set(error.input, error.dtype);
      else if (error instanceof DecodeLoop) {
        onLoop?.(error);
        throw error.error;
      } else if (error instanceof Raised) throw raised(error);
      else if (error instanceof RangeError) throw beyondLimits(options.file, error);
      else throw error;
    }
  }
}

function run<T>(
  archive: TorchArchive,
  options: ImportOptions,
  assumed: ReadonlyMap<string, DType>,
  loops: ((m: Machine) => LoopPolicy) | undefined,
  finish: (m: Machine, result: Item, inputNames: readonly string[]) => T,
): T {
  const name = archive.data.class.split('.').at(-1) ?? 'model';
  const c = new Lowering(name, options.file, archive.version);
  const m = newMachine(archive, c);
  m.loops = loops?.(m);
  const self = m.tree.item(archive.data, '') as ObjectItem;
  const def = forwardOf(m, self, options.file);
  const { args, names } = bindInputs(m, def, options.inputShapes, assumed);
  const result = callForward(m, def, [self, ...args]);
  if (m.problems.length > 0) throw new NeffcError(m.problems, EXIT.unsupported);
  return finish(m, result, names);
}

/** What is not supported before a decoding loop is said before anything of the loop. */
function callForward(m: Machine, def: FunctionDef, args: readonly Item[]): Item {
  try {
    return m.call(def, args, new Map(), '');
  } catch (error) {
    if (error instanceof DecodeLoop && m.problems.length > 0)
      throw new NeffcError(m.problems, EXIT.unsupported);
    throw error;
  }
}

function forwardOf(m: Machine, self: ObjectItem, file: string): FunctionDef {
  const at = { file, line: 0, column: 1, offset: 0 };
  const layout = m.layoutOf(self.class, at);
  const def = layout.methods.get('forward');
  if (def !== undefined) return def;
  const methods = [...layout.methods.keys()].join(', ');
  throw usageError('E2024', `the model has no method forward${methods === '' ? '' : `; it has ${methods}`}`, {
    file,
  });
}

function raised({ message, place }: Raised): NeffcError {
  const { file, line, module } = place;
  return badInput(
    'E3377',
    `the model raises an exception for these input shapes: ${message.slice(0, 300)}`,
    { file, line, ...(module !== '' && { node: module }) },
    'check the shapes and element types given by --input-shape',
  );
}

/** The JavaScript stack and the longest array are the last limits; anything else is a bug of ours and stays one. */
function beyondLimits(file: string, error: RangeError): Error {
  if (/call stack/i.test(error.message))
    return badInput('E3378', 'the program nests calls and expressions too deep', { file });
  return /array length|allocation|string length/i.test(error.message)
    ? unsupported('E4340', 'the program makes a constant or list that is too large', { file })
    : error;
}
